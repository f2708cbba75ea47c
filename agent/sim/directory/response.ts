import type { BerSink } from "./ber-sink.ts";
import { SEQUENCE, SET } from "./ber-source.ts";
import type { OperationKind } from "./request.ts";
import { RESULT, type Result } from "./result.ts";

/** One attribute of a search result entry; `values` empty with typesOnly. */
export interface ResultAttribute {
  readonly description: string;
  readonly values: readonly (string | Uint8Array)[];
}

export interface ResponseControl {
  readonly oid: string;
  readonly value: Uint8Array;
}

const SEARCH_RESULT_ENTRY = 0x64;
const SEARCH_RESULT_REFERENCE = 0x73;
const EXTENDED_RESPONSE = 0x78;
const CONTROLS = 0xa0;

/** The response that ends each operation; unbind and abandon have none (RFC 4511 sections 4.3 and 4.11). */
const RESPONSE_TAG: Readonly<Record<Exclude<OperationKind, "unbind" | "abandon">, number>> = {
  bind: 0x61,
  search: 0x65,
  modify: 0x67,
  add: 0x69,
  delete: 0x6b,
  rename: 0x6d,
  compare: 0x6f,
  extended: EXTENDED_RESPONSE,
};

export type AnsweredKind = keyof typeof RESPONSE_TAG;

export interface ResultExtras {
  readonly controls?: readonly ResponseControl[];
  /** Of an extended response. */
  readonly responseName?: string;
  readonly responseValue?: string;
}

/** The last message of an operation. */
export function encodeResult(
  sink: BerSink,
  messageId: number,
  kind: AnsweredKind,
  result: Result,
  extras: ResultExtras = {},
): Buffer {
  const message = sink.mark;
  encodeControls(sink, extras.controls ?? []);
  const operation = sink.mark;
  if (extras.responseValue !== undefined) sink.octets(extras.responseValue, 0x8b);
  if (extras.responseName !== undefined) sink.octets(extras.responseName, 0x8a);
  if (result.referral !== undefined) encodeTexts(sink, result.referral, 0xa3);
  sink.octets(result.message ?? "");
  sink.octets(result.matchedDn ?? "");
  sink.enumerated(RESULT[result.result]);
  sink.wrap(RESPONSE_TAG[kind], operation);
  return finish(sink, messageId, message);
}

export function encodeEntry(
  sink: BerSink,
  messageId: number,
  dn: string,
  attributes: readonly ResultAttribute[],
): Buffer {
  const message = sink.mark;
  for (let i = attributes.length - 1; i >= 0; i -= 1) {
    const attribute = attributes[i];
    if (attribute === undefined) continue;
    const partial = sink.mark;
    encodeTexts(sink, attribute.values, SET);
    sink.octets(attribute.description);
    sink.wrap(SEQUENCE, partial);
  }
  sink.wrap(SEQUENCE, message);
  sink.octets(dn);
  sink.wrap(SEARCH_RESULT_ENTRY, message);
  return finish(sink, messageId, message);
}

export function encodeReference(sink: BerSink, messageId: number, uris: readonly string[]): Buffer {
  const message = sink.mark;
  encodeTexts(sink, uris, SEARCH_RESULT_REFERENCE);
  return finish(sink, messageId, message);
}

/** The unsolicited message before the server closes a connection (RFC 4511 section 4.4.1). */
export function encodeNoticeOfDisconnection(sink: BerSink, result: Result): Buffer {
  return encodeResult(sink, 0, "extended", result, { responseName: "1.3.6.1.4.1.1466.20036" });
}

function encodeTexts(sink: BerSink, values: readonly (string | Uint8Array)[], tag: number): void {
  const mark = sink.mark;
  for (let i = values.length - 1; i >= 0; i -= 1) sink.octets(values[i] ?? "");
  sink.wrap(tag, mark);
}

function encodeControls(sink: BerSink, controls: readonly ResponseControl[]): void {
  if (controls.length === 0) return;
  const list = sink.mark;
  for (const control of [...controls].reverse()) {
    const mark = sink.mark;
    sink.octets(control.value);
    sink.octets(control.oid);
    sink.wrap(SEQUENCE, mark);
  }
  sink.wrap(CONTROLS, list);
}

function finish(sink: BerSink, messageId: number, mark: number): Buffer {
  sink.integer(messageId);
  sink.wrap(SEQUENCE, mark);
  return sink.take();
}
