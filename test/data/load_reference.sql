-- Appends a log's reference results to summary, day_n and cohort_month: :file is
-- its name (test/sql/agg_data.sql).
\set command 'tr -d \'\\n\' < ' :crmlife_data '/expected/' :file '_summary.json'
CREATE TEMP TABLE read (summary jsonb);
COPY read FROM PROGRAM :'command';
INSERT INTO summary SELECT :'file', summary FROM read;
DROP TABLE read;
\set command 'sed s/^/' :file ',/ ' :crmlife_data '/expected/' :file '_day_n.csv'
COPY day_n FROM PROGRAM :'command' (FORMAT csv, HEADER);
\set command 'sed s/^/' :file ',/ ' :crmlife_data '/expected/' :file '_cohort_month.csv'
COPY cohort_month FROM PROGRAM :'command' (FORMAT csv, HEADER);
