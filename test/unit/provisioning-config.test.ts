import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadProvisioning, parseProvisioning } from "../../agent/config/provisioning-config.ts";
import { exampleProvisioning } from "../../agent/config/provisioning-example.ts";

type Json = Record<string, unknown>;

function plain(change: Json = {}, job: Json = {}): string {
  return stringify({
    version: 1,
    bus: { connectionString: "${env:BUS}", requestQueue: "requests", replyQueue: "replies" },
    state: { file: "state.db" },
    jobs: [{ id: "people", target: { url: "https://app.example.com/scim" }, ...job }],
    ...change,
  });
}

function problemsIn(text: string): readonly string[] {
  try {
    parseProvisioning(text);
    return [];
  } catch (error) {
    return String((error as Error).message)
      .split("\n")
      .slice(1);
  }
}

function fingerprint(job: Json): string | undefined {
  return parseProvisioning(plain({}, job)).jobs[0]?.job.configuration;
}

describe("provisioning.yaml", () => {
  it("of the example and of the demo loads", async () => {
    const { jobs } = parseProvisioning(exampleProvisioning());
    expect(jobs.map(({ job, schedule }) => [job.id, schedule])).toEqual([
      ["company-to-app", "*/2 * * * *"],
    ]);
    const demo = await loadProvisioning("config/demo-provisioning.yaml");
    expect(demo.jobs.map(({ target }) => target.url)).toEqual(["http://127.0.0.1:8085"]);
  });

  it("has what Entra does as its defaults", () => {
    const [job] = parseProvisioning(plain()).jobs;
    expect(job?.job).toMatchObject({
      id: "people",
      source: { directory: undefined, importTimeoutMs: 1_800_000 },
      skipOutOfScopeDeletions: false,
      deleteGuard: { limit: 500, percent: 10 },
      redact: [],
      targetName: "app.example.com",
    });
    expect(job?.job.rules.User?.matching).toEqual([
      { source: "userName", target: "userName", precedence: 1 },
    ]);
    expect(job?.job.rules.Group?.actions).toEqual({ create: true, update: true, delete: true });
    expect(job?.target).toMatchObject({ style: "entra", concurrency: 8, timeoutMs: 60_000 });
  });

  it("leaves out a type that is switched off", () => {
    const [job] = parseProvisioning(plain({}, { groups: { enabled: false } })).jobs;
    expect(Object.keys(job?.job.rules ?? {})).toEqual(["User"]);
  });

  it.each<readonly [string, string, readonly string[]]>([
    [
      "an unknown option",
      plain({}, { schedul: "* * * * *" }),
      ["  jobs[0].schedul: is no option, expected schedule (line 12)"],
    ],
    [
      "plain http to another machine",
      plain({}, { target: { url: "http://app.example.com" } }),
      [
        "  jobs[0].target.url: is plain http to another machine, expected https://, or allowPlainHttp: true to send the token in clear (line 11)",
      ],
    ],
    [
      "a flag of Entra's in the URL",
      plain({}, { target: { url: "https://app.example.com/?aadOptscim062020" } }),
      [
        "  jobs[0].target.url: is malformed, expected https://host/path, to which /Users is added, without user, password and query (line 11)",
      ],
    ],
    [
      "a token in clear",
      plain({}, { target: { url: "https://app.example.com", token: "secret" } }),
      [
        "  jobs[0].target.token: is not a reference, expected ${env:NAME} or ${file:/path}: secrets do not stand in this file (line 12)",
      ],
    ],
    [
      "a scoping filter that cannot be",
      plain(
        {},
        {
          users: {
            scoping: [
              {
                name: "staff",
                clauses: [{ attribute: "userType", operator: "LIKES", value: "x" }],
              },
            ],
          },
        },
      ),
      [
        "  jobs[0].users.scoping[0].clauses[0].operator: no such operator: LIKES (there are EQUALS, NOT EQUALS, IS TRUE, IS FALSE, IS NULL, IS NOT NULL, REGEX MATCH, NOT REGEX MATCH, GREATER_THAN, GREATER_THAN_OR_EQUALS, INCLUDES, ENDS_WITH, &, !&) (line 17)",
      ],
    ],
    [
      "the same queue twice",
      plain({
        bus: { connectionString: "${env:BUS}", requestQueue: "requests", replyQueue: "Requests" },
      }),
      ["  bus.replyQueue: is the request queue, expected another (line 5)"],
    ],
    [
      "two jobs of one name",
      plain({
        jobs: ["people", "People"].map((id) => ({ id, target: { url: "https://a.example.com" } })),
      }),
      ["  jobs[1].id: is the same as number 1 of the list, expected each once (line 12)"],
    ],
  ])("refuses %s", (_, text, problems) => {
    expect(problemsIn(text)).toEqual(problems);
  });

  it("counts as another configuration when, and only when, something decides otherwise", () => {
    const before = fingerprint({});
    const target = { url: "https://app.example.com/scim" };
    const same = [
      { schedule: "0 * * * *" },
      { target: { ...target, concurrency: 2, token: "${env:TOKEN}" } },
      { deleteGuard: { limit: 5 } },
      { redact: ["addresses"] },
    ];
    for (const job of same) expect([job, fingerprint(job)]).toEqual([job, before]);
    const other = [
      { target: { url: "https://app.example.com/other" } },
      { target: { ...target, style: "rfc7644" } },
      { source: { directory: "company" } },
      { users: { actions: { delete: false } } },
      { groups: { enabled: false } },
      { skipOutOfScopeDeletions: true },
    ];
    const fingerprints = new Set([before, ...other.map(fingerprint)]);
    expect(fingerprints.size).toBe(other.length + 1);
  });

  it("reads no secret", () => {
    const { config } = parseProvisioning(plain());
    expect(JSON.stringify(config.bus)).toContain("[secret]");
  });

  it("is described by the schema next to the example", async () => {
    const example = parse(exampleProvisioning()) as Json;
    const schema = JSON.parse(await readFile("config/provisioning.schema.json", "utf8")) as {
      readonly properties: Json;
    };
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(example)));
  });
});
