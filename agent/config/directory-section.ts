import { resolve } from "node:path";
import { z } from "zod";
import { dnKey, isUnder, parseDn } from "../core/dn.ts";
import { isLoopback, LDAP_URL_FORM, LDAP_URL_PATTERN, parseLdapUrl } from "./ldap-url.ts";
import { type MappingReference, parseMappingReference, SHIPPED_MAPPINGS } from "./mapping-file.ts";
import {
  bool,
  choice,
  dn,
  duration,
  EVEN_WHEN_WRONG,
  expected,
  memberOf,
  path,
  refuseTwins,
  secret,
  section,
  text,
  textsIn,
  whole,
} from "./option.ts";
import { scopeSection } from "./scope-section.ts";
import type { SecretContext } from "./secret.ts";

const MINUTE_MS = 60_000;
const MIN_TIMEOUT_MS = 100;
const MAX_URLS = 16;
const MAX_PAGE_SIZE = 10_000;
const MAX_CONNECTIONS = 64;

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** One directory: where it is, how the agent signs in, who of it is provisioned and as what. */
export function directorySection(context: SecretContext) {
  return section({
    name: text({
      form: "a name of letters, digits, periods, hyphens and underscores",
      pattern: NAME_PATTERN,
      title: "name",
    }).describe("Name that requests, logs and commands use for this directory."),
    kind: choice(["activeDirectory", "openLdap"]).describe(
      "What the server is. It decides how entries are identified and which controls are used.",
    ),
    urls: z
      .array(ldapUrl(), expected(`a list of 1 to ${MAX_URLS} of ${LDAP_URL_FORM}`))
      .min(1)
      .max(MAX_URLS)
      .superRefine(
        (input, issues) => refuseTwins(input, issues, { keyOf: (url) => url.toLowerCase() }),
        EVEN_WHEN_WRONG,
      )
      .describe("Servers of the directory, tried in this order. They hold the same entries."),
    baseDn: dn().describe("Entry that all reads start from. Nothing outside it is ever read."),
    bind: section({
      dn: text({ form: "the DN of the agent's account", title: "DN" }).describe(
        "Account that the agent signs in with. Active Directory also takes `name@domain` and `DOMAIN\\name`.",
      ),
      password: secret(context).describe("Password of the account."),
    }).describe("How the agent signs in."),
    tls: section({
      ca: path(context)
        .optional()
        .describe(
          "PEM file with the certificates of the authorities to trust, instead of those of the system.",
        ),
      servername: text({ form: "a host name", title: "host name" })
        .optional()
        .describe(
          "Name that the server's certificate must hold, when it is not the host of the URL.",
        ),
      startTls: bool()
        .default(false)
        .describe("Turn ldap:// connections into TLS before signing in."),
      allowPlaintext: bool()
        .default(false)
        .describe(
          "Sign in over ldap:// without TLS to another machine. The password and all data then cross the network in clear, for anyone on the way to read and to change.",
        ),
    })
      .prefault({})
      .describe("Certificates are always verified; there is no option to turn that off."),
    pageSize: whole(1, MAX_PAGE_SIZE)
      .default(1000)
      .describe(
        "Entries that are asked for at a time. Servers have a limit of their own, often 1000.",
      ),
    connectTimeout: duration(MIN_TIMEOUT_MS, 5 * MINUTE_MS)
      .prefault("5s")
      .describe("Longest time to connect, including TLS."),
    operationTimeout: duration(MIN_TIMEOUT_MS, 60 * MINUTE_MS)
      .prefault("60s")
      .describe("Longest time to wait for the server's next answer."),
    maxConnections: whole(1, MAX_CONNECTIONS)
      .default(8)
      .describe("Connections to the directory that are open at the same time."),
    delta: choice([
      "auto",
      "dirSync",
      "usnChanged",
      "syncRepl",
      "accessLog",
      "entryCsn",
      "modifyTimestamp",
      "none",
    ])
      .default("auto")
      .describe(
        "How to find out what has changed since the last read. `auto` takes the best way that the server and the account allow; `none` reads everything each time.",
      ),
    scope: scopeSection()
      .prefault({})
      .describe("Who is provisioned. Nothing given: everybody below `baseDn`."),
    mapping: mappingReference(context).describe(
      `How entries become SCIM resources: the name of a mapping that comes with the agent (${SHIPPED_MAPPINGS.join(", ")}) or the path of a mapping file.`,
    ),
  })
    .superRefine((directory, issues) => checkDirectory(directory, issues), EVEN_WHEN_WRONG)
    .transform(({ connectTimeout, operationTimeout, ...directory }) => ({
      ...directory,
      connectTimeoutMs: connectTimeout,
      operationTimeoutMs: operationTimeout,
    }));
}

function ldapUrl() {
  return z
    .string(expected(LDAP_URL_FORM))
    .regex(LDAP_URL_PATTERN)
    .refine((input) => !LDAP_URL_PATTERN.test(input) || parseLdapUrl(input) !== undefined)
    .meta({ title: "URL" });
}

function mappingReference({ folder }: SecretContext) {
  return text({
    form: `${SHIPPED_MAPPINGS.join(", ")} or the path of a YAML file`,
    title: "mapping",
  })
    .transform((input, issues): MappingReference => {
      const reference = parseMappingReference(input);
      if (reference === undefined) {
        issues.addIssue(
          `is no mapping that comes with the agent, expected ${SHIPPED_MAPPINGS.join(", ")} or a path with / or .yaml`,
        );
        return z.NEVER;
      }
      if (reference.kind === "shipped") return reference;
      return { kind: "file", path: resolve(folder, reference.path) };
    })
    .meta({ title: "mapping" });
}

type Refuse = (at: readonly (string | number)[], message: string) => void;

/** What several options of a directory say together. Reads unchecked values, since some of them may be wrong. */
function checkDirectory(directory: unknown, issues: z.core.$RefinementCtx<unknown>): void {
  const refuse: Refuse = (at, message) =>
    issues.addIssue({ code: "custom", path: [...at], message });
  checkPlaintext(directory, refuse);
  checkUnits(directory, refuse);
  checkDelta(directory, refuse);
  const bindDn = memberOf(directory, "bind", "dn");
  const isOpenLdap = memberOf(directory, "kind") === "openLdap";
  if (isOpenLdap && typeof bindDn === "string" && bindDn !== "" && parseDn(bindDn) === undefined) {
    refuse(["bind", "dn"], "is malformed, expected a DN such as cn=sync,dc=example,dc=com");
  }
}

function checkPlaintext(directory: unknown, refuse: Refuse): void {
  const startTls = memberOf(directory, "tls", "startTls") === true;
  const allowed = memberOf(directory, "tls", "allowPlaintext") === true;
  for (const { at, text: input } of textsIn(memberOf(directory, "urls"))) {
    const url = parseLdapUrl(input);
    if (url === undefined) continue;
    if (url.secure && startTls) {
      refuse(
        ["urls", at],
        "is ldaps://, expected ldap:// with tls.startTls, or ldaps:// without it",
      );
    }
    if (url.secure || startTls || allowed || isLoopback(url.host)) continue;
    refuse(
      ["urls", at],
      "would send the password and all data over the network in clear, expected ldaps://, or tls.startTls: true, or tls.allowPlaintext: true to do it nevertheless",
    );
  }
}

/** Strategies of each kind of directory, besides `auto` and `none`. */
const DELTAS: Readonly<Record<string, readonly string[]>> = {
  activeDirectory: ["dirSync", "usnChanged"],
  openLdap: ["syncRepl", "accessLog", "entryCsn", "modifyTimestamp"],
};

function checkDelta(directory: unknown, refuse: Refuse): void {
  const kind = memberOf(directory, "kind");
  const delta = memberOf(directory, "delta");
  const known = typeof kind === "string" && Object.hasOwn(DELTAS, kind) ? DELTAS[kind] : undefined;
  if (known === undefined || typeof delta !== "string") return;
  const others = Object.values(DELTAS).flat();
  if (known.includes(delta) || !others.includes(delta)) return;
  refuse(["delta"], `is not for ${kind}, expected auto, ${known.join(", ")} or none`);
}

function checkUnits(directory: unknown, refuse: Refuse): void {
  const baseDn = memberOf(directory, "baseDn");
  const included = new Set<string>();
  for (const list of ["include", "exclude"] as const) {
    const at = ["scope", "organizationalUnits", list] as const;
    for (const unit of textsIn(memberOf(directory, ...at))) {
      if (parseDn(unit.text) === undefined) continue;
      const key = dnKey(unit.text);
      if (typeof baseDn === "string" && parseDn(baseDn) && !isUnder(key, dnKey(baseDn))) {
        refuse([...at, unit.at], `is outside the base, expected a DN that ends in ${baseDn}`);
      }
      if (list === "include") included.add(key);
      else if (included.has(key)) {
        refuse([...at, unit.at], "is also in include, expected it in one of both");
      }
    }
  }
}
