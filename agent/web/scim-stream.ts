import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Answer, AnswerElement, ListEnd } from "../core/exchange.ts";
import { elementJson } from "./element-json.ts";

/** Text that is put together before it is written. */
const WRITE_CHARS = 64 * 1024;
/** Problems of entries that a list names; the log has all of them. */
const MAX_PROBLEMS = 100;

/** A list that has begun: its first batch is there, so that what fails at once is an answer of its own. */
export interface BegunList {
  readonly schema: string;
  readonly first: IteratorResult<readonly AnswerElement[], ListEnd>;
  readonly elements: AsyncGenerator<readonly AnswerElement[], ListEnd>;
}

/** Reads the first batch. @throws what the list throws */
export async function beginList({
  schema,
  elements,
}: Answer & { readonly kind: "list" }): Promise<BegunList> {
  return { schema, elements, first: await elements.next() };
}

/**
 * Writes a list as one document while it is read, no faster than the client takes it. The response is ended only after
 * the whole list: whoever calls this cuts the connection when it throws, so that the client never takes a part of a
 * list for all of it. The text says nothing that only the end knows before the end.
 * @returns how many elements were written
 * @throws what the list throws; the signal's reason
 */
export async function writeList(
  response: ServerResponse,
  list: BegunList,
  signal: AbortSignal,
): Promise<number> {
  const { schema, elements } = list;
  const problems: string[] = [];
  let items = 0;
  let text = `{"schemas":${JSON.stringify([schema])},"Resources":[`;
  try {
    for (let next = list.first; ; next = await elements.next()) {
      signal.throwIfAborted();
      if (next.done === true) {
        const end = { ...next.value, totalResults: items, itemsPerPage: items };
        const unmapped = problems.length === 0 ? "" : `"problems":[${problems.join(",")}],`;
        response.end(`${text}],${unmapped}${JSON.stringify(end).slice(1)}`);
        return items;
      }
      for (const element of next.value) {
        if (element.kind === "problem") {
          if (problems.length < MAX_PROBLEMS) problems.push(elementJson(element));
          continue;
        }
        text += `${items === 0 ? "" : ","}${elementJson(element)}`;
        items++;
        if (text.length < WRITE_CHARS) continue;
        if (!response.write(text)) await once(response, "drain", { signal });
        text = "";
      }
    }
  } finally {
    await elements.return({});
  }
}
