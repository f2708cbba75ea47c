import { isLoopback } from "./ldap-url.ts";
import {
  bool,
  choice,
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
const MINUTE_MS = 60 * SECOND_MS;

/** User, password, fragment and query have no place in it. */
const URL_PATTERN = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/;

/** The SCIM service provider that a job provisions. */
export function targetSection(context: SecretContext) {
  return section({
    url: text({
      form: "https://host/path, to which /Users is added, without user, password and query",
      pattern: URL_PATTERN,
      title: "URL",
    }).describe(
      "Base URL of the SCIM service provider. Where Entra's tenant URL ends with `?aadOptscim062020`, leave that out and set `style: entra-2020`.",
    ),
    allowPlainHttp: bool()
      .default(false)
      .describe(
        "Use http:// to another machine. The token and people's data then cross the network in clear.",
      ),
    name: text({ form: "a name", title: "name", maxLength: 128 })
      .optional()
      .describe("Name of the target in the provisioning log. Not given: its host."),
    token: secret(context)
      .optional()
      .describe("Bearer token. Read again when it changes. Not given: none is sent."),
    style: choice(["entra", "entra-2020", "rfc7644"])
      .default("entra")
      .describe(
        "Shape of the requests. `entra`: as Microsoft Entra sends them. `entra-2020`: as it does with the flag aadOptscim062020. `rfc7644`: as RFC 7644 has them.",
      ),
    ca: path(context)
      .optional()
      .describe("PEM file with the authorities to trust, instead of those of the system."),
    concurrency: whole(1, 64).default(8).describe("Requests at a time."),
    timeout: duration(SECOND_MS, 10 * MINUTE_MS)
      .prefault("60s")
      .describe("How long one attempt of a request may take."),
    pageSize: whole(1, 10_000).default(100).describe("Resources of a page when all are read."),
    memberBatch: whole(1, 1000).default(100).describe("Most members that one request changes."),
  })
    .superRefine((target, issues) => {
      const url = memberOf(target, "url");
      if (typeof url !== "string" || !URL.canParse(url)) return;
      const { protocol, hostname } = new URL(url);
      const host = hostname.replace(/^\[|\]$/g, "");
      if (protocol === "https:" || isLoopback(host)) return;
      if (memberOf(target, "allowPlainHttp") === true) return;
      issues.addIssue({
        code: "custom",
        path: ["url"],
        message:
          "is plain http to another machine, expected https://, or allowPlainHttp: true to send the token in clear",
      });
    }, EVEN_WHEN_WRONG)
    .transform(({ timeout, ...target }) => ({ ...target, timeoutMs: timeout }));
}
