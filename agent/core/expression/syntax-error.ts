/** Characters of the line that are shown around the place. */
const SHOWN_CHARACTERS = 60;

/** Why an expression cannot be read or compiled, and where. Lines and columns count from 1. */
export class ExpressionSyntaxError extends Error {
  readonly line: number;
  readonly column: number;
  /** What is wrong: what was found and what was expected. */
  readonly problem: string;
  /** The line with a caret under the place. */
  readonly excerpt: string;

  constructor(problem: string, { text, at }: { readonly text: string; readonly at: number }) {
    const { line, column, content } = placeOf(text, at);
    const from = Math.max(0, column - 1 - SHOWN_CHARACTERS / 2);
    const shown = content.slice(from, from + SHOWN_CHARACTERS).replace(/\p{Cc}/gu, " ");
    const excerpt = `${shown}\n${" ".repeat(column - 1 - from)}^`;
    super(`line ${line}, column ${column}: ${problem}\n${excerpt}`);
    this.name = "ExpressionSyntaxError";
    this.line = line;
    this.column = column;
    this.problem = problem;
    this.excerpt = excerpt;
  }
}

function placeOf(text: string, at: number) {
  const before = text.slice(0, at).split(/\r\n|\r|\n/);
  const start = before.at(-1) ?? "";
  const [rest = ""] = text.slice(at).split(/[\r\n]/, 1);
  return { line: before.length, column: start.length + 1, content: start + rest };
}
