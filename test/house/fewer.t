#!/usr/bin/perl
# What FEWER=yes makes of the tests for valgrind (test/valgrind/fewer) stands
# where that list says it does.
use strict;
use warnings;
use Test::More;

sub text
{
	my ($file) = @_;
	local $/;
	open my $in, '<', $file or die "$file: $!";
	return <$in>;
}

for (split /\n/, text('test/valgrind/fewer'))
{
	next if /^(#|$)/;
	my ($file, $from, $to) = split /\t/;
	ok(defined $to && index(text("test/$file"), $from) >= 0, "$file: $from");
}
done_testing();
