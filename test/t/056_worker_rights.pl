# The worker runs what belongs to a stage table's owner as that owner, and
# nothing the owner writes gets more rights than that.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = new_server('rights', 1);
open_shop($node, 'shop');
$node->safe_psql('shop', <<'EOS');
CREATE ROLE keeper LOGIN;
CREATE SCHEMA keeper AUTHORIZATION keeper;
CREATE TABLE seen (place text, who text);
GRANT INSERT ON seen TO PUBLIC;
SET SESSION AUTHORIZATION keeper;
CREATE TABLE keeper.orders (id serial, customer_id int, paid_at timestamptz, amount numeric);

-- what an owner might try, and who he is meanwhile
CREATE FUNCTION keeper.grab(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    EXECUTE 'ALTER ROLE keeper SUPERUSER';
  EXCEPTION WHEN insufficient_privilege THEN NULL;
  END;
  BEGIN
    EXECUTE 'SET ROLE postgres';
    EXECUTE 'ALTER ROLE keeper SUPERUSER';
  EXCEPTION WHEN insufficient_privilege THEN NULL;
  END;
  BEGIN
    EXECUTE 'RESET SESSION AUTHORIZATION';
    EXECUTE 'ALTER ROLE keeper SUPERUSER';
  EXCEPTION WHEN insufficient_privilege THEN NULL;
  END;
  BEGIN
    EXECUTE 'INSERT INTO crmlife.queue DEFAULT VALUES';
    RAISE LOG 'grabbed the queue';
  EXCEPTION WHEN insufficient_privilege THEN NULL;
  END;
END $$;
CREATE FUNCTION keeper.amount(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN RAISE LOG 'expression runs as % by %', current_user, current_setting('application_name'); RETURN $1; END $$;
CREATE FUNCTION keeper.on_stage() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  PERFORM keeper.grab('trigger');
  IF current_setting('application_name') = 'crmlife worker' THEN
    INSERT INTO public.seen VALUES ('trigger', current_user);
  END IF;
  RETURN NEW;
END $$;
SELECT crmlife.create_stage_table('keeper.stages', 'keeper.orders', 'customer_id', 'paid_at', 'keeper.amount(amount)', refresh_every => '1 second');
CREATE TRIGGER watch BEFORE INSERT OR UPDATE ON keeper.stages FOR EACH ROW EXECUTE FUNCTION keeper.on_stage();
RESET SESSION AUTHORIZATION;
EOS

$node->safe_psql('shop', 'INSERT INTO keeper.orders (customer_id, paid_at, amount) VALUES (1, now(), 5)');
ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM keeper.stages', '1'), 'the worker refreshes the table');
is($node->safe_psql('shop', 'SELECT string_agg(DISTINCT who, $$,$$) FROM seen'), 'keeper', 'a trigger on it runs as the owner');
my $log = slurp_file($node->logfile);
like($log, qr/LOG:  expression runs as keeper by crmlife worker/, 'an expression runs as the owner');
unlike($log, qr/LOG:  expression runs as (?!keeper)/, '... and never as another');
unlike($log, qr/LOG:  grabbed the queue/, 'the tables of crmlife are out of reach');
is($node->safe_psql('shop', q(SELECT rolsuper FROM pg_roles WHERE rolname = 'keeper')), 'f', 'the owner stays what he was');

# what would run at the end of the transaction, when the worker is itself again
$node->safe_psql('shop', <<'EOS');
SET SESSION AUTHORIZATION keeper;
CREATE FUNCTION keeper.at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM keeper.grab('commit'); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT OR UPDATE ON keeper.stages
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION keeper.at_commit();
RESET SESSION AUTHORIZATION;
INSERT INTO keeper.orders (customer_id, paid_at, amount) VALUES (2, now(), 5);
EOS
ok(defined wait_for($node, 'shop', 'SELECT state FROM crmlife.status', 'failing'), 'a deferred trigger is refused');
like($node->safe_psql('shop', 'SELECT last_error FROM crmlife.status'), qr/security-restricted operation/, '... and the error says why');
is($node->safe_psql('shop', q(SELECT rolsuper FROM pg_roles WHERE rolname = 'keeper')), 'f', 'the owner stays what he was');

# settings of the database do not disturb the worker
my $limited = $node->pg_version >= 17;
my $limit = $limited ? "ALTER DATABASE shop SET transaction_timeout = '1ms';" : '';
$node->safe_psql('shop', <<"EOS");
DROP TRIGGER later ON keeper.stages;
ALTER DATABASE shop SET default_transaction_read_only = on;
ALTER DATABASE shop SET search_path = keeper, public;
ALTER DATABASE shop SET statement_timeout = '1ms';
ALTER DATABASE shop SET session_replication_role = 'replica';
$limit
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'crmlife worker';
EOS
# they hold for the sessions here, too, from their first statement on
$ENV{PGOPTIONS} = '-c statement_timeout=0 -c default_transaction_read_only=off' . ($limited ? ' -c transaction_timeout=0' : '');
ok(defined wait_for($node, 'shop', 'SELECT count(*) FROM keeper.stages', '2', 20), 'settings of the database do not disturb it');
is($node->safe_psql('shop', q(SELECT count(*) FROM crmlife.verify('keeper.stages'))), '0', 'verify');

$node->stop;
done_testing();
