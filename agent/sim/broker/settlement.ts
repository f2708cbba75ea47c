import type { Settlement } from "./queue-contract.ts";
import type { OutcomeKind } from "./rhea-delivery.ts";
import type { Outcome } from "./rhea-types.ts";
import { modifiedProperties, rejectedProperties } from "./rhea-value.ts";
import { decodeValue, type EncodedEntry } from "./value.ts";

const DEAD_LETTER = "com.microsoft:dead-letter";
const REASON = "DeadLetterReason";
const DESCRIPTION = "DeadLetterErrorDescription";

function text(entries: readonly EncodedEntry[], key: string): string | undefined {
  const entry = entries.find((candidate) => candidate.key === key);
  const value = entry === undefined ? undefined : decodeValue(entry.value);
  return typeof value === "string" ? value : undefined;
}

/** A rejection is a dead-lettering; a foreign client that gives an error of its own says with it why. */
function deadLetter(outcome: Outcome): Settlement {
  const entries = rejectedProperties(outcome);
  const condition = outcome.error?.condition;
  const own = condition === DEAD_LETTER ? undefined : outcome.error;
  return {
    kind: "deadLetter",
    reason: text(entries, REASON) ?? own?.condition ?? undefined,
    description: text(entries, DESCRIPTION) ?? own?.description ?? undefined,
    properties: entries.filter((entry) => entry.key !== REASON && entry.key !== DESCRIPTION),
  };
}

/** What an AMQP outcome (part 3 section 3.4) means to a queue. */
export function settlementOf(kind: OutcomeKind, outcome: Outcome): Settlement {
  switch (kind) {
    case "accepted":
      return { kind: "complete" };
    case "released":
      return { kind: "release" };
    case "rejected":
      return deadLetter(outcome);
    case "modified":
      return {
        kind: outcome.undeliverable_here === true ? "defer" : "abandon",
        properties: modifiedProperties(outcome),
      };
  }
}
