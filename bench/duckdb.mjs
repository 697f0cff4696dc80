// DuckDB behind a pipe: each line in is {"sql": ..., "repeats": ...}, each line
// out {"text": rows as psql -A -t prints them, "ms": [...]} or {"error": ...}.
//
//   node duckdb.mjs FOLDER DATABASE                   FOLDER holds node_modules
//   node duckdb.mjs FOLDER DATABASE FILE.sql CSV      run a file, with :csv for the folder CSV
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , folder, database, file, csv] = process.argv;
const { DuckDBInstance } = createRequire(`${folder}/x.js`)('@duckdb/node-api');
const instance = await DuckDBInstance.create(database, { threads: '2', ...(file ? {} : { access_mode: 'READ_ONLY' }) });
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
await connection.run('SET preserve_insertion_order = false');

if (file) {
  for (const statement of readFileSync(file, 'utf8').replaceAll(':csv', csv).split(/;\n/)) {
    if (statement.trim()) await connection.run(statement);
  }
  connection.closeSync();
  instance.closeSync();
  process.exit(0);
}

function text(value) {
  if (value === null) return '';
  if (value === true) return 't';
  if (value === false) return 'f';
  return String(value);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { sql, repeats } = JSON.parse(line);
  const answer = { ms: [] };
  try {
    for (let i = 0; i < repeats; i++) {
      const started = performance.now();
      const reader = await connection.runAndReadAll(sql);
      answer.ms.push(performance.now() - started);
      answer.text = reader.getRows().map((row) => row.map(text).join('|')).join('\n');
    }
  } catch (error) {
    answer.error = String(error.message);
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
