# A server of PostgreSQL's own test library that costs less to ask.
#
# To begin a psql, and a session of the server with it, costs more than most
# answers; so one psql for each database stays, and begins every query as a new
# session would: with DISCARD ALL.  Whatever that would not undo, or would not
# do in a session that was there before, has a psql of its own: transactions
# left open, psql's own commands, whole databases, settings of a session's start.
# With $server->{new_sessions} set, everything has.
#
# Its files are a copy of those in INITDB_TEMPLATE, as from PostgreSQL 17 on.
package Server;

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();

our @ISA = ('PostgreSQL::Test::Cluster');

sub init
{
	my ($self, %params) = @_;
	my $template = $ENV{INITDB_TEMPLATE};
	return $self->SUPER::init(%params)
	  if !defined $template || $params{extra} || $self->pg_version >= 17;

	my $run = \&PostgreSQL::Test::Utils::system_or_bail;
	no warnings 'redefine';
	local *PostgreSQL::Test::Utils::system_or_bail = sub {
		@_ = ('cp', '-a', $template, $self->data_dir) if $_[0] eq 'initdb';
		goto &$run;
	};
	return $self->SUPER::init(%params);
}

# ----- sessions that stay -----

sub begin_session
{
	my ($self, $database) = @_;
	my %session = (stdin => '', stdout => '', stderr => '', limit => IPC::Run::timeout(300));
	$session{run} = IPC::Run::start(
		[ $self->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->connstr($database), '-f', '-' ],
		'<', \$session{stdin}, '>', \$session{stdout}, '2>', \$session{stderr}, $session{limit});
	return \%session;
}

# dies where the session ends: by an error, or without a server
sub ask
{
	my ($session, $query) = @_;
	$session->{stdout} = $session->{stderr} = '';
	$session->{stdin} .= "$query\n;\n\\echo the end\n";
	$session->{limit}->start;
	$session->{run}->pump until $session->{stdout} =~ s/(\A|\n)the end\n\z//;
	return $session->{stdout};
}

sub end_session
{
	my ($session) = @_;
	$session->{stdin} .= "\\q\n";
	eval { $session->{run}->finish };
	$session->{run}->kill_kill if $@;
}

sub end_sessions
{
	my ($self) = @_;
	my $sessions = delete $self->{sessions} // {};
	end_session($_) for values %$sessions;
}

# the session of a database, as new
sub session
{
	my ($self, $database) = @_;
	# another process's are not ours, nor those of another user
	my $key = join "\0", $$, $database, map { "$_=$ENV{$_}" } grep { /^PG/ } sort keys %ENV;
	my $session = $self->{sessions}{$key};
	if ($session && !eval { ask($session, 'DISCARD ALL'); 1 })
	{
		end_session($session);
		undef $session;
	}
	return $self->{sessions}{$key} = $session // $self->begin_session($database);
}

sub safe_psql
{
	my ($self, $database, $query, %params) = @_;
	return $self->SUPER::safe_psql($database, $query, %params)
	  if $self->{new_sessions} || %params || $query =~ /\\|\b(BEGIN|START|PREPARE|DATABASE|SESSION|LISTEN|NOTIFY)\b|\bALTER\s+(ROLE|USER)\b/i;

	my $session = $self->session($database);
	my $answer = eval { ask($session, $query) };
	if (!defined $answer)
	{
		my $error = $@;
		$self->end_sessions;
		die "error running SQL: '$session->{stderr}' ($error)\nin $database with sql '$query'";
	}
	print "#### Begin standard error\n$session->{stderr}\n#### End standard error\n" if $session->{stderr} ne '';
	return $answer;
}

# nobody is to be in the way of what is about a whole database or the server

sub psql
{
	my ($self, $database, $query, %params) = @_;
	$self->end_sessions if $query =~ /\bDATABASE\b/i;
	return $self->SUPER::psql($database, $query, %params);
}

for my $command (qw(stop restart kill9 teardown_node))
{
	no strict 'refs';
	my $super = "SUPER::$command";
	*$command = sub {
		my ($self, @arguments) = @_;
		$self->end_sessions;
		return $self->$super(@arguments);
	};
}

1;
