# What gcov says of many objects, one JSON document a line on standard input,
# as one table of the source files.  For scripts/coverage.
#
#   coverage.pl TOP LIST     the sources as they were built are in TOP; the lines not
#                            run go to LIST
#
# A source file is part of several objects: a header of all that include it, the
# engine of the library, of its own tests and of the modules for tests.  A line
# is run if it is in one of them.
use strict;
use warnings;
use JSON::PP;

my ($top, $list) = @ARGV;
my %runs;    # file, line: how often

while (my $document = <STDIN>)
{
	for my $file (@{ decode_json($document)->{files} })
	{
		next unless $file->{file} =~ m{(?:^|/)(src/(?:\w+/)?\w+\.[ch])$} && -e "$top/$1";
		$runs{$1}{ $_->{line_number} } += $_->{count} for @{ $file->{lines} };
	}
}
die "No counts.\n" unless %runs;

sub row
{
	my ($name, $lines, $run) = @_;
	printf "%-40s %7d %7d %7d %6.1f %%\n", $name, $lines, $run, $lines - $run, 100 * $run / $lines;
}

sub source_lines
{
	my ($file) = @_;
	open my $in, '<', "$top/$file" or die "$file: $!\n";
	return <$in>;
}

open my $out, '>', $list or die "$list: $!\n";
printf "%-40s %7s %7s %7s\n", '', 'lines', 'run', 'not run';
my %sum;
for my $file (sort keys %runs)
{
	my @text = source_lines($file);
	my @not = grep { !$runs{$file}{$_} } sort { $a <=> $b } keys %{ $runs{$file} };
	my $lines = keys %{ $runs{$file} };
	row($file, $lines, $lines - @not);
	print $out "$file:$_: ", $text[ $_ - 1 ] =~ s/^\s+//r for @not;
	my ($folder) = $file =~ m{(.*)/};
	for ($folder, 'all')
	{
		$sum{$_}[0] += $lines;
		$sum{$_}[1] += $lines - @not;
	}
}
close $out or die "$list: $!\n";
print "\n";
row($_, @{ $sum{$_} }) for (sort { ($a eq 'all') <=> ($b eq 'all') || $a cmp $b } keys %sum);
