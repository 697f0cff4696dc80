# Runs one query on PostgreSQL or DuckDB and says what came out and what it
# cost: milliseconds, peak memory, processor time.
#
# Memory is RssAnon, what processes hold of their own, beyond what they hold
# before the query: of PostgreSQL's leader and its parallel workers together;
# of DuckDB's process after it has read the table once, for PostgreSQL's
# buffers are not counted either.
package Bench;
use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use IPC::Open2;
use JSON::PP;
our @EXPORT = qw(connect_to run run_pairs ask duckdb_is_there run_duckdb try_duckdb median quantile expand);

my (@connect, @duckdb, $duckdb);
my $settings = "SET client_min_messages = warning; SET jit = off; SET TimeZone = 'UTC'; SET work_mem = '1GB'; SET hash_mem_multiplier = 2;\n"
	. "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;\n";

# connect_to(PSQL, SOCKET_DIRECTORY, PORT [, command that runs DuckDB])
sub connect_to
{
	my ($psql, $host, $port, @command) = @_;
	@connect = ($psql, qw(-X -q -A -t -v ON_ERROR_STOP=1 -d postgres -U postgres -h), $host, '-p', $port);
	@duckdb = @command;
}

sub median { my @s = sort { $a <=> $b } @_; return ($s[ int($#s / 2) ] + $s[ int(@s / 2) ]) / 2 }

# the value at so large a part of the way through
sub quantile { my ($part, @values) = @_; my @s = sort { $a <=> $b } @values; return $s[ int($part * $#s) ] }

# {1..3: f($i)} is f(1), f(2), f(3)
sub expand
{
	my ($sql) = @_;
	$sql =~ s/\{(\d+)\.\.(\d+): (.*?)\}/my $each = $3; join ', ', map { $each =~ s{\$i}{$_}gr } $1 .. $2/ge;
	return $sql;
}

# kB of memory of its own that a process has
sub anonymous
{
	open my $in, '<', "/proc/$_[0]/status" or return 0;
	while (my $line = <$in>) { return $1 if $line =~ /^RssAnon:\s+(\d+)/ }
	return 0;
}

sub parallel_workers
{
	my ($leader) = @_;
	my @found;
	for my $path (glob '/proc/[0-9]*/cmdline') {
		open my $in, '<', $path or next;
		my $title = <$in> // '';
		push @found, $path =~ /(\d+)/ if $title =~ /parallel worker for PID $leader\b/;
	}
	return @found;
}

# processor time of the session's process itself, in milliseconds
my $cpu = "SELECT 'cpu ' || 10 * ((regexp_match(s, '\\) (?:\\S+ ){11}(\\d+)'))[1]::int + (regexp_match(s, '\\) (?:\\S+ ){12}(\\d+)'))[1]::int) FROM pg_read_file('/proc/self/stat') s;\n";

# The parts of a query: what goes before it and the SET on its first line are
# not timed, nor is what follows, whose result then is the result.
sub script
{
	my ($sql, $repeats) = @_;
	my ($before, $after) = ('', '');
	$before = $1 if $sql =~ s/^(.*\n)-- timed\n//s;
	$before .= "$1\n" if $sql =~ s/^\s*((?:SET [^;]*;\s*)+)//;
	$after = $1 if $sql =~ s/-- after\n(.*)//s;
	return "$before$cpu\\timing on\n$sql" . ($repeats > 1 ? "\\o /dev/null\n" . $sql x ($repeats - 1) . "\\o\n" : '')
		. "\\timing off\n$cpu$after";
}

# run(SQL, workers => 0, sampled => false, repeats => 1): text, ms, MB, cpu of
# the leader; ms is the median of the repeats.  Sampling disturbs a little.
sub run
{
	my ($sql, %how) = @_;
	my ($workers, $repeats) = ($how{workers} // 0, $how{repeats} // 1);
	my $pid = open2(my $out, my $in, @connect);
	print $in $settings, "SET max_parallel_workers_per_gather = $workers;\n", "SELECT pg_backend_pid();\n";
	$in->flush;
	chomp(my $backend = <$out> // '');
	my ($idle, $peak, @workers) = (anonymous($backend), 0);
	print $in script(expand($sql), $repeats);
	close $in;
	my ($text, $select, $samples) = ('', IO::Select->new($out), 0);
	for (;;) {
		if (!$how{sampled} || $select->can_read(0.01)) {
			last if !sysread $out, $text, 65536, length $text;
			next;
		}
		@workers = parallel_workers($backend) if $workers > 0 && $samples++ % 5 == 0;
		my $now = anonymous($backend) - $idle;
		$now += anonymous($_) for @workers;
		$peak = $now if $now > $peak;
	}
	waitpid $pid, 0;
	my @times;
	push @times, $1 while $text =~ s/^Time: ([\d.]+) ms.*\n//m;
	die "failed: $sql\n$text" if $? != 0 || !@times;
	my @cpu = $text =~ /^cpu (\d+)$/mg;
	$text =~ s/^cpu \d+\n//mg;
	chomp $text;
	return { text => $text, ms => median(@times), MB => $peak / 1024, cpu => ($cpu[1] - $cpu[0]) / $repeats };
}

# Two queries by turns in one session, serial: the milliseconds of each time.
# Every other time the second one goes first.
sub run_pairs
{
	my ($first, $second, $times) = @_;
	my @sql = map { expand($_) } $first, $second;
	my $pid = open2(my $out, my $in, @connect);
	print $in $settings, "SET max_parallel_workers_per_gather = 0;\n\\o /dev/null\n@sql\\timing on\n";
	print $in $_ % 2 == 0 ? @sql : reverse @sql for 0 .. $times - 1;
	close $in;
	my @ms;
	while (my $line = <$out>) { push @ms, $1 if $line =~ /^Time: ([\d.]+) ms/ }
	waitpid $pid, 0;
	die "failed: $first$second\n" if $? != 0 || @ms != 2 * $times;
	my @pairs = map { $_ % 2 == 0 ? [ @ms[ 2 * $_, 2 * $_ + 1 ] ] : [ @ms[ 2 * $_ + 1, 2 * $_ ] ] } 0 .. $times - 1;
	return ([ map { $_->[0] } @pairs ], [ map { $_->[1] } @pairs ]);
}

# the value of an SQL expression
sub ask { return run("SELECT $_[0];\n")->{text} }

# ---- DuckDB ------------------------------------------------------------------

sub duckdb_is_there { return scalar @duckdb }

sub start_duckdb
{
	my $self = {};
	$self->{pid} = open2($self->{out}, $self->{in}, @duckdb);
	return $self;
}

sub send_duckdb
{
	my ($self, $sql, $repeats) = @_;
	print { $self->{in} } encode_json({ sql => expand($sql), repeats => $repeats }), "\n";
	$self->{in}->flush;
}

sub receive_duckdb
{
	my ($self, $sql) = @_;
	my $line = readline($self->{out}) // die "DuckDB ended.\n$sql\n";
	my $answer = decode_json($line);
	die "DuckDB: $answer->{error}\n$sql\n" if $answer->{error};
	return { text => $answer->{text}, ms => median(@{ $answer->{ms} }) };
}

# in the one process that stays
sub run_duckdb
{
	my ($sql, $repeats) = @_;
	$duckdb //= start_duckdb();
	send_duckdb($duckdb, $sql, $repeats // 1);
	return receive_duckdb($duckdb, $sql);
}

# in a process of its own, for its memory
sub try_duckdb
{
	my ($sql, $table) = @_;
	my $self = start_duckdb();
	send_duckdb($self, "SELECT max(COLUMNS(*)) FROM $table", 1);
	receive_duckdb($self, $sql);
	my ($idle, $peak, $select) = (anonymous($self->{pid}), 0, IO::Select->new($self->{out}));
	send_duckdb($self, $sql, 1);
	while (!$select->can_read(0.01)) {
		my $now = anonymous($self->{pid}) - $idle;
		$peak = $now if $now > $peak;
	}
	my $result = receive_duckdb($self, $sql);
	$result->{MB} = $peak / 1024;
	close $self->{in};
	waitpid $self->{pid}, 0;
	return $result;
}

1;
