# The examples of README.md and doc/*.md are run, and print what the pages say.
#
#   ```sql              is run by psql, a page's blocks in one session;
#   ```text             right after it is what that prints;
#   <!-- setup ... -->  is run too, and not seen by the reader;
#   <!-- not run -->    right before a block leaves it out.
#
# A page whose set-up reads the order logs (CRMLIFE_DATA) is skipped without them.
# A page starts in a database of its own with the extension in it (README.md
# creates that itself).  What has no expected output must not fail.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $marker = '@@example';

# the page's blocks in order: { line, sql, expected or undef }
sub blocks_of
{
	my ($page) = @_;
	my (@blocks, $open, $text, $skip, $line);
	open my $in, '<', $page or die "$page: $!";
	while (<$in>)
	{
		if (defined $open)
		{
			if ($open eq 'setup' ? /^-->/ : /^```\s*$/)
			{
				if ($open eq 'text')
				{
					$blocks[-1]{expected} = $text
					  if @blocks && $blocks[-1]{takes_output};
				}
				elsif (($open eq 'sql' || $open eq 'setup') && !$skip)
				{
					push @blocks, { line => $line, sql => $text, takes_output => $open eq 'sql' };
				}
				$blocks[-1]{takes_output} = 0 if @blocks && ($open ne 'sql' || $skip);
				($open, $skip) = (undef, 0);
			}
			else { $text .= $_ }
		}
		elsif (/^```(\w*)/) { ($open, $text, $line) = ($1 || 'plain', '', $.) }
		elsif (/^<!-- setup/) { ($open, $text, $line) = ('setup', '', $.) }
		elsif (/^<!-- not run -->/) { $skip = 1 }
	}
	close $in;
	die "$page:$line: a block is not closed" if defined $open;
	return @blocks;
}

sub trimmed
{
	my ($text) = @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\A\n+//;
	$text =~ s/\s*\z/\n/;
	return $text;
}

my $node = Server->new('examples');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'crmlife'\ncrmlife.worker_enabled = off\ntimezone = 'UTC'\n");
$node->start;

for my $page ('README.md', sort glob 'doc/*.md')
{
	my @blocks = blocks_of($page);
	next unless @blocks;
	if (!$ENV{CRMLIFE_DATA} && grep { $_->{sql} =~ /CRMLIFE_DATA/ } @blocks)
	{
	  SKIP: { skip "$page: the order logs are not here", 1 }
		next;
	}
	(my $database = $page) =~ s/\W/_/g;
	$node->safe_psql('postgres', qq(CREATE DATABASE "$database"));
	$node->safe_psql($database, 'CREATE EXTENSION crmlife') unless $page eq 'README.md';

	my $script = '';
	$script .= "\\echo $marker\n$_->{sql}\n" for @blocks;
	my $output = '';
	IPC::Run::run([ 'psql', '-X', '-q', '-P', 'pager=off', '-v', 'SHOW_CONTEXT=never',
			'-d', $node->connstr($database) ], '<', \$script, '>&', \$output);
	my @printed = split /^$marker\n/m, $output, -1;
	shift @printed;
	is(scalar @printed, scalar @blocks, "$page: all examples are run");
	for my $i (0 .. $#blocks)
	{
		my ($block, $printed) = ($blocks[$i], $printed[$i] // '');
		my $name = "$page:$block->{line}";
		if (defined $block->{expected})
		{
			is(trimmed($printed), trimmed($block->{expected}), "$name prints what the page says");
		}
		else
		{
			unlike($printed, qr/^(ERROR|FATAL|psql):/m, "$name runs");
		}
	}
}
$node->stop;
done_testing();
