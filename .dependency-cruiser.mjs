/**
 * What may import what. Data flows one way: routes, http, use cases, parts; nothing imports upwards.
 *
 * A file is in one layer. `imports` is what the layer may use when it runs, beside itself; `types` what it may
 * also name in an `import type`, which leaves no trace in the program: sideways, down, and the two descriptions
 * of what is handed in from above (`Services`, `Config`).
 */

/** @type {Record<string, { files: string, imports: string[], types?: string[] }>} */
const layers = {
  // Processes of their own: the server and the commands.
  entry: {
    files: "^server\\.ts$|^(app|db|emails)/.*-command\\.ts$",
    imports: [
      "assembly",
      "wiring",
      "http",
      "useCase",
      "audit",
      "keystone",
      "db",
      "emails",
      "base",
      "pure",
      "words",
    ],
  },
  // What a request passes through, one after the other.
  assembly: {
    files: "^app/create-app\\.server\\.ts$",
    imports: ["api", "http", "useCase", "base", "words"],
    types: ["wiring"],
  },
  wiring: {
    files:
      "^app/(services\\.server\\.ts$|jobs/(?!enqueue-)|telemetry/(metrics|observe-keystone)\\.)",
    imports: ["useCase", "audit", "keystone", "db", "emails", "base", "words"],
  },
  route: {
    files: "^app/(routes/|root\\.tsx$|routes\\.ts$|entry\\.)",
    imports: ["http", "page", "useCase", "base", "pure", "asset", "words"],
    types: ["wiring", "audit"],
  },
  api: { files: "^app/api/", imports: ["http", "base"] },
  // What runs in the browser too; `.server` files never do.
  page: {
    files: "^app/(components|portal|console)/(?!.*\\.server\\.)",
    imports: ["pure", "asset", "words"],
    types: ["useCase", "base"],
  },
  pure: {
    files:
      "^app/(links|accounts|admins|imports|reset-requests|http)/(?!.*\\.server\\.)(?!.*-command\\.)",
    imports: [],
    types: ["useCase", "keystone", "db", "base"],
  },
  http: {
    files: "^app/http/.*\\.server\\.",
    imports: ["useCase", "audit", "keystone", "db", "base", "pure", "words"],
    types: ["wiring"],
  },
  // Rotation and survey stand beside the vault they serve, and do what a use case does.
  useCase: {
    files:
      "^app/(links|accounts|admins|imports|reset-requests)/.*\\.server\\.|^app/jobs/enqueue-|^app/vault/(rotate|survey)-(?!.*-command\\.)",
    imports: ["audit", "keystone", "db", "emails", "base", "pure", "words"],
  },
  audit: { files: "^app/audit/", imports: ["db", "base"] },
  emails: { files: "^emails/", imports: ["db", "base", "words"] },
  keystone: { files: "^app/keystone/", imports: [] },
  db: { files: "^db/(?!.*-command\\.)", imports: ["base"] },
  base: {
    files: "^app/(config/|vault/(?!rotate-|survey-)|telemetry/log\\.)",
    imports: ["words"],
  },
  // What people read, and in which language.
  words: { files: "^app/messages/", imports: [], types: ["db"] },
  asset: { files: "^app/.*\\.(css|svg)$", imports: [] },
};

const filesOf = (/** @type {string[]} */ names) =>
  names.map((name) => /** @type {{ files: string }} */ (layers[name]).files);

const product = "^(app|db|emails)/|^server\\.ts$";

const rules = [
  ...Object.entries(layers).flatMap(([name, { files, imports, types = [] }]) => [
    {
      name: `${name}-imports`,
      from: { path: files },
      to: {
        dependencyTypes: ["local"],
        dependencyTypesNot: ["type-only"],
        pathNot: filesOf([name, ...imports]),
      },
    },
    {
      name: `${name}-imports-types`,
      from: { path: files },
      to: {
        dependencyTypes: ["local"],
        pathNot: filesOf([name, ...imports, ...types]),
      },
    },
  ]),
  {
    name: "in-no-layer",
    comment: "Give it a place in the table, or move it.",
    from: { path: product, pathNot: filesOf(Object.keys(layers)) },
    to: {},
  },
  {
    name: "demo-knows-no-tests",
    from: { path: "^demo/" },
    to: { path: "^(tests|bench)/" },
  },
  {
    name: "no-cycle",
    comment: "Types count too: two files that need each other's types are one file in two halves.",
    from: {},
    to: { circular: true },
  },
  {
    name: "not-there",
    from: { path: product },
    to: { couldNotResolve: true, pathNot: "^virtual:" },
  },
  {
    name: "development-only",
    comment: "The server runs where only `dependencies` are sure to be installed.",
    from: { path: "^server\\.ts$|^(db|emails)/|^app/.*\\.server\\.tsx?$" },
    to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only", "npm"] },
  },
];

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: rules.map((rule) => ({ ...rule, severity: "error" })),
  options: {
    doNotFollow: { path: "^(node_modules|build)/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
  },
};
