import type { CheckExchange } from "./exchange.ts";

/** Exchanges as an HTTP Archive (HAR 1.2), which browsers' developer tools open. */
export function toHar(
  exchanges: readonly CheckExchange[],
  creator: { readonly name: string; readonly version: string },
): Readonly<Record<string, unknown>> {
  return { log: { version: "1.2", creator, entries: exchanges.map(toEntry) } };
}

function toEntry(exchange: CheckExchange): Readonly<Record<string, unknown>> {
  const { startedAt, durationMs, method, url, requestBody, status, responseBody } = exchange;
  const query = [...new URL(url).searchParams].map(([name, value]) => ({ name, value }));
  const mimeType = exchange.responseHeaders["content-type"] ?? "";
  return {
    startedDateTime: new Date(startedAt).toISOString(),
    time: durationMs,
    request: {
      ...{ method, url, httpVersion: "HTTP/1.1", cookies: [], queryString: query },
      headers: toHeaders(exchange.requestHeaders),
      ...(requestBody === undefined
        ? {}
        : {
            postData: {
              mimeType: exchange.requestHeaders["content-type"] ?? "",
              text: requestBody,
            },
          }),
      ...{ headersSize: -1, bodySize: Buffer.byteLength(requestBody ?? "") },
    },
    response: {
      // HAR has no other word for an answer that never came.
      status: status ?? 0,
      ...{ statusText: "", httpVersion: "HTTP/1.1", cookies: [], redirectURL: "" },
      headers: toHeaders(exchange.responseHeaders),
      content: { size: Buffer.byteLength(responseBody), mimeType, text: responseBody },
      ...{ headersSize: -1, bodySize: Buffer.byteLength(responseBody) },
    },
    cache: {},
    timings: { send: 0, wait: durationMs, receive: 0 },
  };
}

function toHeaders(headers: Readonly<Record<string, string>>) {
  return Object.entries(headers).map(([name, value]) => ({ name, value }));
}
