#!/usr/bin/perl
# What has to agree before a release: one version everywhere, the PGXN
# metadata, a test for every expected output and the reverse.
use strict;
use warnings;
use JSON::PP;
use Test::More;

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!";
	local $/;
	return <$in>;
}

my ($version) = slurp('crmlife.control') =~ /^default_version\s*=\s*'([^']+)'/m;
like($version, qr/^\d+\.\d+\.\d+$/, 'crmlife.control has a version');

my $meta = decode_json(slurp('META.json'));
is($meta->{version}, $version, 'META.json has it too');
is($meta->{provides}{crmlife}{version}, $version, 'and so does what it provides');
for my $field (qw(name version abstract maintainer license provides meta-spec))
{
	ok($meta->{$field}, "META.json has $field, which PGXN requires");
}
is($meta->{license}, 'postgresql', 'the license is named');
like(slurp('LICENSE'), qr/without fee, and without a written agreement/, 'and there');
ok(-e $meta->{provides}{crmlife}{$_}, "META.json: $_ exists") for qw(file docfile);

my ($newest) = slurp('CHANGELOG.md') =~ /^## (\S+)/m;
is($newest, $version, "CHANGELOG.md's first entry is this version");

my @parts = glob 'sql/*.sql';
my ($list) = slurp('Makefile') =~ /^SQL_PARTS = ((?:.*\\\n)*.*)/m;
my %listed = map { ($_ => 1) } grep { /\.sql$/ } split /[\s\\]+/, $list;
is(join(' ', grep { !$listed{$_} && !/--/ } @parts), '', 'every part of sql/ is installed');

# pg_regress would read sql/NAME.sql in place of test/sql/NAME.sql
my @tests = map { m{([^/]+)\.sql$} } glob 'test/sql/*.sql';
is(join(' ', grep { -e "sql/$_.sql" } @tests), '', 'no test is named like a part');
is(join(' ', grep { !-e "expected/$_.out" } @tests), '', 'every test has its expected output');
my %is_test = map { ($_ => 1) } @tests;
is(join(' ', grep { !$is_test{$_} && !(s/_\d$//r && $is_test{ s/_\d$//r }) }
		map { m{([^/]+)\.out$} } glob 'expected/*.out'),
	'', 'every expected output has its test');

# the documentation holds together
my $index = slurp('doc/README.md');
is(join(' ', grep { !m{/README\.md$} && $index !~ m{\(\Q@{[ s{^doc/}{}r ]}\E\)} } glob 'doc/*.md'),
	'', 'doc/README.md links every page');
for my $page (glob 'README.md CHANGELOG.md doc/*.md')
{
	my ($folder) = $page =~ m{^(.*/)?};
	$folder //= '';
	my @broken = grep { !-e "$folder$_" }
	  grep { !m{^(\w+:|#)} } map { s/#.*//r } slurp($page) =~ /\]\(([^)\s]+)\)/g;
	is("@broken", '', "$page: every link leads somewhere");
}

done_testing();
