/** Whether this is `npm run test:long`. */
export const IS_LONG = process.env["LONG"] === "1";

/** How often a cell of a matrix runs: dozens of times in `npm test`, thousands of times in `npm run test:long`. */
export function times(counts: { readonly short: number; readonly long: number }): number {
  return IS_LONG ? counts.long : counts.short;
}
