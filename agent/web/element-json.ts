import type { AnswerElement } from "../core/exchange.ts";

/** An element as it stands in a list over HTTP. */
export function elementJson(element: AnswerElement): string {
  switch (element.kind) {
    case "resource":
      return JSON.stringify(element.resource);
    case "problem":
      return JSON.stringify(element.problem);
    case "change":
      return JSON.stringify(
        element.resource === undefined
          ? element.change
          : { ...element.change, data: element.resource },
      );
  }
}
