import { resolve } from "node:path";
import { z } from "zod";
import { dnKey, isUnder, parseDn } from "../core/dn.ts";
import {
  bindSection,
  checkServers,
  directoryTlsSection,
  type Refuse,
  serverShape,
} from "./directory-servers.ts";
import { type MappingReference, parseMappingReference, SHIPPED_MAPPINGS } from "./mapping-file.ts";
import {
  choice,
  dn,
  duration,
  EVEN_WHEN_WRONG,
  memberOf,
  section,
  text,
  textsIn,
  whole,
} from "./option.ts";
import { scopeSection } from "./scope-section.ts";
import type { SecretContext } from "./secret.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const MIN_TIMEOUT_MS = 100;
const MAX_SIZE_LIMIT = 1_000_000_000;
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
    ...serverShape(),
    baseDn: dn().describe(
      "Entry that all reads start from. Nothing outside it is ever read: a referral to another server makes the read incomplete, which is an error, and is never followed.",
    ),
    bind: bindSection(context).describe("How the agent signs in."),
    tls: directoryTlsSection(context)
      .prefault({})
      .describe("Certificates are always verified; there is no option to turn that off."),
    pageSize: whole(1, MAX_PAGE_SIZE)
      .default(1000)
      .describe(
        "Entries that are asked for at a time. Servers have a limit of their own, often 1000.",
      ),
    connectTimeout: duration(MIN_TIMEOUT_MS, 5 * MINUTE_MS)
      .prefault("5s")
      .describe("Longest time to connect to a server, including TLS and signing in."),
    operationTimeout: duration(MIN_TIMEOUT_MS, 60 * MINUTE_MS)
      .prefault("60s")
      .describe(
        "Longest silence of a server that has something to answer. An operation that alone stays silent is given up alone.",
      ),
    idleTimeout: duration(SECOND_MS, 24 * 60 * MINUTE_MS)
      .prefault("60s")
      .describe(
        "Connections that nobody has used for so long are closed, before a server or a firewall does so without a word.",
      ),
    sizeLimit: whole(0, MAX_SIZE_LIMIT)
      .default(0)
      .describe(
        "Most entries that one search may find. One more is an error, never a short list. 0: no limit but the server's.",
      ),
    timeLimit: duration(0, 24 * 60 * MINUTE_MS)
      .prefault("0s")
      .describe(
        "Longest time that the server may work on one page of a search, in whole seconds. A search that takes longer is an error, never a short list. 0s: no limit but the server's.",
      ),
    maxConnections: whole(1, MAX_CONNECTIONS)
      .default(8)
      .describe(
        "Searches at the same time, each over a connection of its own. One more connection is for reads by name.",
      ),
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
    .transform(({ connectTimeout, operationTimeout, idleTimeout, timeLimit, ...directory }) => ({
      ...directory,
      connectTimeoutMs: connectTimeout,
      operationTimeoutMs: operationTimeout,
      idleTimeoutMs: idleTimeout,
      timeLimitSeconds: Math.ceil(timeLimit / SECOND_MS),
    }))
    .meta({ oneOf: [{ required: ["urls"] }, { required: ["domain"] }] });
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

/** What several options of a directory say together. Reads unchecked values, since some of them may be wrong. */
function checkDirectory(directory: unknown, issues: z.core.$RefinementCtx<unknown>): void {
  const refuse: Refuse = (at, message) =>
    issues.addIssue({ code: "custom", path: [...at], message });
  checkServers(directory, refuse);
  checkUnits(directory, refuse);
  checkDelta(directory, refuse);
  const bindDn = memberOf(directory, "bind", "dn");
  const isOpenLdap = memberOf(directory, "kind") === "openLdap";
  if (isOpenLdap && typeof bindDn === "string" && bindDn !== "" && parseDn(bindDn) === undefined) {
    refuse(["bind", "dn"], "is malformed, expected a DN such as cn=sync,dc=example,dc=com");
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
