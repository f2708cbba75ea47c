// The layers of agent/ and the packages that each may use. test/unit/architecture.test.ts holds the code to it.

/** layer -> what it may import besides itself */
const LAYERS = {
  core: [],
  ports: ["core"],
  config: ["core"],
  directory: ["core", "ports"],
  bus: ["core", "ports"],
  target: ["core", "ports"],
  state: ["core", "ports"],
  provider: ["core", "ports"],
  provisioning: ["core", "ports"],
  web: ["core", "ports", "provider", "provisioning"],
  service: [
    ...["core", "ports", "config", "directory", "bus", "target", "state"],
    ...["provider", "provisioning", "web"],
  ],
  cli: ["core", "ports", "config", "provider", "provisioning", "service", "sim"],
  sim: ["core"],
};

/** package -> layers or single files that may import it; a package that is not here is for nobody */
const HOMES = {
  ldapts: ["directory", "sim"],
  "@azure/service-bus": ["bus"],
  "@azure/identity": ["bus"],
  rhea: ["sim", "bus/rhea-guards.ts"],
  ws: ["sim", "bus"],
  "https-proxy-agent": ["bus"],
  undici: ["target"],
  libsql: ["state"],
  winston: ["service"],
  "winston-daily-rotate-file": ["service"],
  "node-cron": ["service"],
  "prom-client": ["web"],
  fastify: ["web", "sim"],
  commander: ["cli"],
  "cli-table3": ["cli"],
  "cli-progress": ["cli"],
  "@clack/prompts": ["cli"],
  yaml: ["config"],
  zod: ["config", "bus", "state"],
  re2js: ["core"],
  "redos-detector": ["core"],
};

/** Packages that compute and do nothing else. */
const PURE_PACKAGES = ["re2js", "redos-detector"];

/** Modules of Node that reach outside of the process; layer 2 leaves them to the adapters. */
const OUTSIDE = [
  ...["child_process", "cluster", "dgram", "dns", "fs", "http", "http2", "https", "inspector"],
  ...["net", "os", "process", "readline", "sqlite", "tls", "tty", "worker_threads"],
];

const PACKAGE_KINDS = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "unknown"];

/** ports is one file, the others are folders. */
const pathOf = (layer) => (layer === "ports" ? "^agent/ports\\.ts$" : `^agent/${layer}/`);
const homePathOf = (home) => (home in LAYERS ? pathOf(home) : `^agent/${quote(home)}$`);
const quote = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
/** As an import names it, or where it is installed. */
const packagePath = (name) => `(^|node_modules/)${quote(name)}(/|$)`;

const layerRules = Object.entries(LAYERS).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `${layer} may import ${allowed.join(", ") || "nothing of the others"}`,
  severity: "error",
  from: { path: pathOf(layer) },
  to: { path: "^agent/", pathNot: [layer, ...allowed].map(pathOf) },
}));

const homeRules = Object.entries(HOMES).map(([name, homes]) => ({
  name: `home-of-${name}`,
  comment: `${name} is for ${homes.join(", ")}`,
  severity: "error",
  from: { path: "^agent/", pathNot: homes.map(homePathOf) },
  to: { path: packagePath(name), dependencyTypes: PACKAGE_KINDS },
}));

export default {
  forbidden: [
    ...layerRules,
    ...homeRules,
    {
      name: "no-stray-module",
      comment: "every module belongs to a layer",
      severity: "error",
      from: {},
      to: { path: "^agent/", pathNot: Object.keys(LAYERS).map(pathOf) },
    },
    {
      name: "no-homeless-package",
      comment: "a package has a home in this file before it is used",
      severity: "error",
      from: { path: "^agent/" },
      to: { dependencyTypes: PACKAGE_KINDS, pathNot: Object.keys(HOMES).map(packagePath) },
    },
    {
      name: "core-is-pure",
      comment:
        "of packages only those for patterns, and of Node's modules only the digests of node:crypto",
      severity: "error",
      from: { path: pathOf("core") },
      to: {
        dependencyTypes: [...PACKAGE_KINDS, "core"],
        pathNot: ["^(node:)?crypto$", ...PURE_PACKAGES.map(packagePath)],
      },
    },
    {
      name: "layer-2-reaches-nothing-outside",
      comment: "what is outside comes in through a port",
      severity: "error",
      from: { path: [pathOf("provider"), pathOf("provisioning")] },
      to: { dependencyTypes: ["core"], path: `^(node:)?(${OUTSIDE.join("|")})(/|$)` },
    },
    {
      name: "no-circular",
      comment: "types may refer to each other, code may not",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "not-to-test",
      comment: "what is shipped needs neither tests nor scripts",
      severity: "error",
      from: { path: "^agent/" },
      to: { path: "^(test|scripts)/" },
    },
    {
      name: "no-orphans",
      comment: "a module that nothing imports and that imports nothing is dead",
      severity: "error",
      from: { orphan: true, path: "^agent/" },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // Imports of types count: they are how a layer learns another one's words.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node"] },
  },
};
