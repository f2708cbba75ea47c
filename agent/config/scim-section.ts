import type { z } from "zod";
import { isLoopback } from "./ldap-url.ts";
import { LISTEN_PATTERN, parseListenAddress } from "./listen-address.ts";
import {
  bool,
  duration,
  EVEN_WHEN_WRONG,
  memberOf,
  path,
  secret,
  section,
  text,
  whole,
} from "./option.ts";
import type { SecretContext } from "./secret.ts";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;

/** Resources of one page. More in one document helps nobody. */
const MAX_PAGE_SIZE = 10_000;

/** Memory that lists may take; what a process of Node can hold beside its own. */
const MAX_SNAPSHOT_BYTES = 4096 * MIB;

/** The SCIM service provider over HTTP. */
export function scimSection(context: SecretContext) {
  return section({
    enabled: bool()
      .default(false)
      .describe("Answer SCIM requests over HTTP too, from the same directories and scope."),
    listen: text({
      form: "host:port such as 127.0.0.1:8080",
      pattern: LISTEN_PATTERN,
      title: "host:port",
    })
      .refine((input) => !LISTEN_PATTERN.test(input) || parseListenAddress(input) !== undefined)
      .transform((input) => parseListenAddress(input) ?? { host: "", port: 0 })
      .meta({ title: "host:port" })
      .prefault("127.0.0.1:8080")
      .describe("Address to listen on. Port 0 takes any free one."),
    allowRemote: bool().default(false).describe("Listen on an address that other machines reach."),
    allowPlaintext: bool()
      .default(false)
      .describe(
        "Let other machines ask without TLS. Token and people's data then cross the network in clear.",
      ),
    token: secret(context)
      .optional()
      .describe(
        "Bearer token that every request must carry: at least 16 characters. Read again when it changes. Required when `enabled`.",
      ),
    tls: section({
      certificate: path(context).describe("PEM file with the certificate and its chain."),
      key: path(context).describe("PEM file with the key of the certificate."),
    })
      .optional()
      .describe("Listen with TLS. Both files are read again when they change. Not given: without."),
    concurrency: whole(1, 1024)
      .default(32)
      .describe("Requests that are worked on at the same time. More are answered with 503."),
    requestTimeout: duration(SECOND_MS, 24 * HOUR_MS)
      .prefault("10m")
      .describe("Longest time that one request may take, its answer included."),
    defaultPageSize: whole(1, MAX_PAGE_SIZE)
      .default(100)
      .describe("Resources of a page when a request does not say `count`."),
    maxPageSize: whole(1, MAX_PAGE_SIZE)
      .default(1000)
      .describe("Most resources of a page, whatever `count` says."),
    cursorTimeout: duration(SECOND_MS, 24 * HOUR_MS)
      .prefault("10m")
      .describe("How long a list is kept for its next page."),
    snapshotBytes: whole(MIB, MAX_SNAPSHOT_BYTES)
      .default(64 * MIB)
      .describe(
        "Memory for lists that are paged through, together. A list that does not fit is refused with `tooMany`.",
      ),
    advertiseCursors: bool()
      .default(false)
      .describe(
        "Name cursor paging (RFC 9865) in `/ServiceProviderConfig`. Some clients refuse attributes that are newer than they are.",
      ),
  })
    .superRefine(checkScim, EVEN_WHEN_WRONG)
    .transform(({ requestTimeout, cursorTimeout, ...scim }) => ({
      ...scim,
      requestTimeoutMs: requestTimeout,
      cursorTimeoutMs: cursorTimeout,
    }));
}

function checkScim(scim: unknown, issues: z.core.$RefinementCtx<unknown>): void {
  const refuse = (at: string, message: string) =>
    issues.addIssue({ code: "custom", path: [at], message });
  const isOn = (name: string) => memberOf(scim, name) === true;
  if (isOn("enabled") && memberOf(scim, "token") === undefined) {
    refuse(
      "token",
      "is missing, expected a secret reference: every request has to carry the token",
    );
  }
  const [size, limit] = ["defaultPageSize", "maxPageSize"].map((name) => memberOf(scim, name));
  if (typeof size === "number" && typeof limit === "number" && size > limit) {
    refuse("defaultPageSize", `is ${size}, expected at most scim.maxPageSize, which is ${limit}`);
  }
  const host = memberOf(scim, "listen", "host");
  if (typeof host !== "string" || isLoopback(host)) return;
  if (!isOn("allowRemote")) {
    refuse(
      "listen",
      "can be reached from other machines, expected 127.0.0.1, or scim.allowRemote: true to let them ask with the token",
    );
  } else if (memberOf(scim, "tls") === undefined && !isOn("allowPlaintext")) {
    refuse(
      "tls",
      "is missing, expected certificate and key, since token and people's data would cross the network in clear, or scim.allowPlaintext: true to accept that",
    );
  }
}
