import type { AnswerElement, EntryProblem, ListEnd } from "./exchange.ts";
import { splitResource } from "./slice.ts";

/** One part of an answer: a JSON document that stands on its own. */
export interface PartDocument {
  readonly json: string;
  /** Elements of its `Resources`. */
  readonly items: number;
}

/** What a document's frame and counters may take besides its elements. */
const FRAME_BYTES = 512;
/** The least size of a part; below it not even an ordinary user fits. */
export const MIN_PART_BYTES = 8192;

type Place = "Resources" | "problems";

/**
 * Cuts a list into documents of at most `maxBytes` (UTF-8). Each has the message schema, `startIndex` and
 * `itemsPerPage` (RFC 7644 section 3.4.2.4); only the last one knows `totalResults` and what the list's end says.
 * A resource too large for a document goes without its largest attribute, followed by slices of it; one that is too
 * large even so becomes a problem of its own.
 */
export class PartCutter {
  readonly #schema: string;
  readonly #room: number;
  readonly #waiting: Record<Place, string[]> = { Resources: [], problems: [] };
  #bytes = 0;
  /** Resources and changes; the slices of one count as none. */
  #results = 0;
  #resultsSent = 0;

  /** @throws RangeError when `maxBytes` is below `MIN_PART_BYTES` */
  constructor(options: { readonly schema: string; readonly maxBytes: number }) {
    if (options.maxBytes < MIN_PART_BYTES) {
      throw new RangeError(
        `a part of ${options.maxBytes} bytes is too small: ${MIN_PART_BYTES} at least`,
      );
    }
    this.#schema = options.schema;
    this.#room = options.maxBytes - FRAME_BYTES;
  }

  /** Takes an element; returns the documents that it filled. */
  add(element: AnswerElement): PartDocument[] {
    if (element.kind === "problem")
      return this.#append("problems", JSON.stringify(element.problem));
    const json = JSON.stringify(render(element));
    if (Buffer.byteLength(json) < this.#room) return this.#appendResult(json);
    const split = element.resource && splitResource(element.resource, this.#room - FRAME_BYTES);
    if (split === undefined) return this.add(withoutContent(element));
    const first = render({ ...element, resource: split.remainder });
    return [
      ...this.#appendResult(JSON.stringify(first)),
      ...split.slices.flatMap((slice) => this.#append("Resources", JSON.stringify(slice))),
    ];
  }

  /** The last document, and one before it when the end does not fit beside what is waiting. */
  end(listEnd: ListEnd): PartDocument[] {
    const end = { ...listEnd, totalResults: this.#results };
    const documents: PartDocument[] = [];
    if (this.#bytes + Buffer.byteLength(JSON.stringify(end)) > this.#room)
      documents.push(this.#cut({}));
    documents.push(this.#cut(end));
    return documents;
  }

  #appendResult(json: string): PartDocument[] {
    const filled = this.#append("Resources", json);
    this.#results++;
    return filled;
  }

  #append(place: Place, json: string): PartDocument[] {
    const bytes = Buffer.byteLength(json) + 1;
    const filled = this.#bytes > 0 && this.#bytes + bytes > this.#room ? [this.#cut({})] : [];
    this.#waiting[place].push(json);
    this.#bytes += bytes;
    return filled;
  }

  #cut(end: ListEnd): PartDocument {
    const resources = this.#waiting.Resources.splice(0);
    const problems = this.#waiting.problems.splice(0);
    const head = JSON.stringify({
      schemas: [this.#schema],
      ...end,
      startIndex: this.#resultsSent + 1,
      itemsPerPage: resources.length,
    });
    const problemList = problems.length === 0 ? "" : `,"problems":[${problems.join(",")}]`;
    this.#resultsSent = this.#results;
    this.#bytes = 0;
    return {
      json: `${head.slice(0, -1)}${problemList},"Resources":[${resources.join(",")}]}`,
      items: resources.length,
    };
  }
}

/** The elements of a part's document; none in one that is no list. */
export function elementsOf(document: Readonly<Record<string, unknown>>): readonly unknown[] {
  const elements = document["Resources"];
  return Array.isArray(elements) ? elements : [];
}

type Listed = Exclude<AnswerElement, { kind: "problem" }>;

function render(element: Listed): object {
  if (element.kind === "resource") return element.resource;
  return element.resource === undefined
    ? element.change
    : { ...element.change, data: element.resource };
}

/** A change still says that the resource is there; a plain list can only name the problem. */
function withoutContent(element: Listed): AnswerElement {
  const resourceType = element.kind === "change" ? (element.change.resourceType ?? "User") : "User";
  const problem: EntryProblem = {
    resourceType: resourceTypeOf(element) ?? resourceType,
    id: element.kind === "change" ? element.change.changedResourceId : element.resource.id,
    attribute: "",
    rule: "a resource fits into one part of an answer, its largest attribute aside",
    reason: "too large",
  };
  if (element.kind === "resource") return { kind: "problem", problem };
  return { kind: "change", change: { ...element.change, changeType: "present", problem } };
}

function resourceTypeOf(element: Listed): "User" | "Group" | undefined {
  const urns = element.resource?.schemas ?? [];
  if (urns.includes("urn:ietf:params:scim:schemas:core:2.0:Group")) return "Group";
  return urns.length > 0 ? "User" : undefined;
}
