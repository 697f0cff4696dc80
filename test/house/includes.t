#!/usr/bin/perl
# The includes run one way:
#
#        src/crmlife.c                  may use everything
#     src/functions  src/stage          the stage table may use the SQL doors'
#              |       |                helpers, never the reverse
#            src/customers
#                  |
#             src/engine                C11, libc and itself; nothing of PostgreSQL
use strict;
use warnings;
use File::Find;
use Test::More;

my %may_use = (
	'engine'    => [qw(engine)],
	'customers' => [qw(engine customers)],
	'functions' => [qw(engine customers functions)],
	'stage'     => [qw(engine customers functions stage)],
	''          => [qw(engine customers functions stage)],
);
my %libc = map { ("$_.h" => 1) } qw(assert ctype errno fenv float inttypes limits
  locale math setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio
  stdlib stdnoreturn string tgmath time uchar wchar wctype);

my @files;
find({ wanted => sub { push @files, $_ if /\.[ch]$/ }, no_chdir => 1 }, 'src');
@files = sort @files;
cmp_ok(scalar @files, '>', 5, 'the sources are found');

# every #include of a file: [line, name, quoted or not]
sub includes
{
	my ($file) = @_;
	my @found;
	open my $in, '<', $file or die "$file: $!";
	while (<$in>)
	{
		push @found, [ $., $2, $1 eq '"' ] if /^\s*#\s*include\s*(["<])([^">]+)[">]/;
	}
	close $in;
	return @found;
}

# the layer a name belongs to, undef when it is not ours
sub layer_of
{
	my ($name, $own) = @_;
	return $1 if $name =~ m{^(engine|customers|functions|stage)/} && -e "src/$name";
	return $own if $name !~ m{/} && -e ($own eq '' ? "src/$name" : "src/$own/$name");
	return '' if $name !~ m{/} && -e "src/$name";
	return undef;
}

for my $file (@files)
{
	my ($own) = $file =~ m{^src/(?:(\w+)/)?};
	$own //= '';
	my @wrong;
	if (!$may_use{$own})
	{
		fail("$file: src/$own is no layer of the picture");
		next;
	}
	for (includes($file))
	{
		my ($line, $name, $quoted) = @$_;
		my $layer = layer_of($name, $own);
		if (!defined $layer)
		{
			push @wrong, "$file:$line: the engine includes $name"
			  if $own eq 'engine' && ($quoted || !$libc{$name});
			next;
		}
		next if $own ne 'engine' && $name eq 'compat.h';
		push @wrong, "$file:$line: src/$own must not include $name"
		  unless grep { $_ eq $layer } @{ $may_use{$own} };
	}
	ok(!@wrong, "$file includes downwards only") or diag(join "\n", @wrong);
}

my @versions = grep { $_ ne 'src/compat.h' && slurp($_) =~ /PG_VERSION_NUM/ } @files;
is("@versions", '', 'only src/compat.h looks at PG_VERSION_NUM');

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!";
	local $/;
	return <$in>;
}

done_testing();
