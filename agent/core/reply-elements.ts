import { elementsOf } from "./part-document.ts";
import { SliceJoiner } from "./slice.ts";

/**
 * The elements of a whole answer, slices put back into their resources.
 * @throws RangeError when slices are missing or out of order
 */
export async function* replyElements(
  documents: AsyncIterable<Readonly<Record<string, unknown>>>,
): AsyncGenerator<unknown, void> {
  const joiner = new SliceJoiner();
  for await (const document of documents) {
    for (const element of elementsOf(document)) yield* joiner.add(element);
  }
  yield* joiner.end();
}
