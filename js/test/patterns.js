/** Texts that mean harm, of so many characters. */

const lines = (first, line) => (length) => first + line.repeat(length / line.length);
const repeated = (unit) => lines("", unit);
const around = (begin, end) => (length) => {
  const count = length / (begin.length + end.length);
  return `${begin.repeat(count)}x${end.repeat(count)}`;
};

/** Each was once a second or more for 100 KB, or is a neighbour of one. */
export const PATTERNS = {
  ...Object.fromEntries(
    [
      ...["*a ", "1.*", "- *", "~~a", "***a** b ", "*", "_a ", "a_", "*~~a", "**_", "`*a ", "<a>*b ", "[*a](", "字*"],
      ...["!", "[", "![", "[a](b ", "[<a", "[`a", "`a", "<", "<!-- a>", "&", "&a1;", "http://a", "http://a_b*c "],
      ...["a@b", "\\", "\\[", "[\\[", "|", "|a", "> ", "- ", "1. > - ", "> a\nb\n", "> - a\nb\n", "> ```\na\n"],
      ...["[a]: b\n", "> |a|\n> |-|\nb\n", "a|b\n-|-|-\n", "|a\n-\n", "a\n-\n", "a\n-\t# b\n", "- a\n"],
      ...["- a\n  - b\n", "a\n\n"],
    ].map((unit) => [unit, repeated(unit)]),
  ),
  "a run that grows": (length) => Array.from({ length: Math.sqrt(2 * length) }, (_, i) => "`".repeat(i) + "a").join(""),
  "stars around": around("*", "*"),
  "bold around": around("**b ", " b**"),
  "brackets around": around("[", "](b)"),
  "an open bracket at last closed": lines("", "[a](b"),
  "lines that a list goes on with": lines("- a\n", "b\n"),
  "lines that a deep list goes on with": lines(`${"- ".repeat(50)}a\n`, "b\n"),
  "lines that a deep quotation goes on with": lines(`${">".repeat(50)}a\n`, "b\n"),
  "lines of an item": lines("- a\n", "  b\n"),
  "brackets in an item": lines("- a\n", "  [b\n"),
  "no tables in an item": lines("- a\n", "  a|b\n  -|-|-\n"),
  "definitions in an item": lines("- a\n", "  [c]: d\n"),
  "an address with dots": lines("http://a", "."),
  "an address with brackets": lines("http://a/", ")'"),
  "a table with many columns": (length) => {
    const columns = length / 6;
    return `|${"a|".repeat(columns)}\n|${"-|".repeat(columns)}\n${"a\n".repeat(columns)}`;
  },
  "a table of which no row is whole": lines("|a|b|c|d|e|f|g|h|\n|-|-|-|-|-|-|-|-|\n", "c\n"),
};
