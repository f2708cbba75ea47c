import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { DeltaStrategyName, Directory } from "../../agent/ports.ts";
import { DeltaFollower } from "./delta-follower.ts";
import {
  DriftingDirectory,
  type DriftKind,
  groupDn,
  OPEN_LDAP,
  peopleDn,
} from "./drifting-directory.ts";
import { MemoryLog } from "./memory-log.ts";
import { answering, type ScopeParts, serve } from "./provider.ts";
import { times } from "./run-length.ts";

const ROUNDS = times({ short: 12, long: 300 });
const CHANGES = 6;
const SEED = 7_301;
const TIMEOUT_MS = times({ short: 120_000, long: 3_600_000 });

function scopesOf(kind: DriftKind): Readonly<Record<string, ScopeParts>> {
  const people = peopleDn(kind);
  return {
    everything: {},
    "units, one excluded": {
      include: [people, `ou=Groups,${kind.base}`],
      exclude: [`ou=Out,${people}`],
    },
    "a group": { groups: [{ dn: groupDn(kind, "scope"), nested: false }] },
    "a group with groups in it": { groups: [{ dn: groupDn(kind, "scope"), nested: true }] },
    "a clause": {
      clauses: [
        { resourceType: "User", attribute: "employeeType", operator: "equals", value: "Staff" },
      ],
    },
  };
}

interface DriftServer {
  readonly url: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Who may write. */
  readonly adminDn: string;
  readonly adminPassword: string;
  close(): Promise<void>;
}

/** Follows the changes of one server, and compares what it holds with a full read after each round. */
export function describeDelta(
  name: string,
  {
    start,
    strategies,
    kind = OPEN_LDAP,
  }: {
    readonly start: () => Promise<DriftServer>;
    readonly strategies: readonly DeltaStrategyName[];
    readonly kind?: DriftKind;
  },
): void {
  describe(`deltas of ${name}`, () => {
    let server: DriftServer;
    const directories = new Map<DeltaStrategyName, Directory>();
    let drifting: DriftingDirectory;
    const mapping = kind.isActiveDirectory ? "active-directory" : "openldap";
    const scopes = Object.entries(scopesOf(kind));

    beforeAll(async () => {
      server = await start();
      const { url, bindDn, bindPassword, adminDn, adminPassword } = server;
      const bind = { dn: bindDn, password: async () => bindPassword };
      const common = { name, urls: [url], baseDn: kind.base, bind, allowPlaintext: true };
      const connection = {
        ...common,
        kind: kind.isActiveDirectory ? "activeDirectory" : "openLdap",
      } as const;
      for (const delta of strategies) {
        const log = new MemoryLog();
        directories.set(delta, createLdapDirectory({ ...connection, delta }, { log }));
      }
      const admin = { url, bindDn: adminDn, bindPassword: adminPassword };
      drifting = await DriftingDirectory.open(admin, { seed: SEED, kind });
    });

    afterAll(async () => {
      await drifting?.close();
      for (const directory of directories.values()) await directory.close();
      await server?.close();
    });

    const followerOf = (parts: ScopeParts, strategy = strategies[0]) => {
      const directory = strategy === undefined ? undefined : directories.get(strategy);
      if (directory === undefined) throw new Error("no strategy");
      return new DeltaFollower(answering(serve(directory, parts, mapping)));
    };

    it(
      "lead to what a full read gives, whatever has happened",
      async () => {
        const followers = scopes.flatMap(([scope, parts]) =>
          strategies.map((strategy) => {
            return { scope, strategy, parts, follower: followerOf(parts, strategy) };
          }),
        );
        for (const { follower } of followers) await follower.follow();
        for (let round = 0; round < ROUNDS; round++) {
          const done = await drifting.drift(CHANGES);
          const everything = followerOf({});
          await everything.follow();
          const full = new Map<string, Readonly<Record<string, unknown>>>();
          const known = new Set(everything.held.keys());
          for (const [scope, parts] of scopes) {
            const reader = followerOf(parts);
            await reader.follow();
            full.set(scope, contents(reader.held, known));
          }
          for (const { scope, strategy, follower } of followers) {
            const told = await follower.follow();
            const held = contents(follower.held, known);
            const at = { round, scope, strategy, done, told };
            expect({ ...at, held }).toEqual({ ...at, held: full.get(scope) });
            // What changed, its group, and the last change before, which is read once more.
            const isFirst = follower.expired > 0 && round === 0;
            if (!COARSE.has(strategy) && !isFirst) expect(told.updated).toBeLessThan(MAX_UPDATED);
          }
        }
        // A change log that is empty at first cannot prove that it reaches back.
        const expired = followers.filter((one) => one.follower.expired > 0);
        expect(expired.map(({ strategy }) => strategy).filter((s) => s !== "accessLog")).toEqual(
          [],
        );
        expect(expired.every(({ follower }) => follower.expired === 1)).toBe(true);
      },
      TIMEOUT_MS,
    );

    it.each(strategies.filter((strategy) => !COARSE.has(strategy)))(
      "say nothing when nothing has changed, by %s",
      async (strategy) => {
        const follower = followerOf({}, strategy);
        await follower.follow();
        await follower.follow();
        expect(await follower.follow()).toEqual({ updated: 0, asked: 0, listing: "changes" });
      },
    );
  });
}

/** Whole seconds: what was changed in the last one is told again each time. */
const COARSE: ReadonlySet<DeltaStrategyName> = new Set(["modifyTimestamp"]);
const MAX_UPDATED = 25;

/**
 * To compare: a version is only on what was read by itself, and references to what has left the directory are nobody's,
 * since no server says whose they were.
 */
function contents(
  held: ReadonlyMap<string, ScimResource>,
  known: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  const plain: Record<string, unknown> = {};
  for (const [id, { meta: _, members, schemas: _schemas, ...rest }] of [...held].sort()) {
    const { [ENTERPRISE_USER_SCHEMA]: enterprise, ...core } = rest;
    const manager = idIn((enterprise as { readonly manager?: unknown } | undefined)?.manager);
    plain[id] = {
      ...core,
      ...(known.has(manager) ? { manager } : {}),
      ...(Array.isArray(members)
        ? {
            members: members
              .map(idIn)
              .filter((value) => known.has(value))
              .sort(),
          }
        : {}),
    };
  }
  return plain;
}

function idIn(reference: unknown): string {
  return String((reference as { readonly value?: unknown } | undefined)?.value);
}
