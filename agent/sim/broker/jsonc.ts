/**
 * JSON with its comments (line and block) replaced by blanks, so that the positions in error messages stay right.
 * Comment marks inside strings are text.
 */
export function stripComments(text: string): string {
  const pattern = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(pattern, (match) =>
    match.startsWith('"') ? match : match.replace(/[^\n]/g, " "),
  );
}
