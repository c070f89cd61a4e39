// Bundles the process (server and commands) to build/process, beside what Remix built. Packages stay
// outside: they are installed anyway, and a bundle of them would be harder to audit.
import { build } from "esbuild";

await build({
  entryPoints: {
    server: "server.ts",
    migrate: "db/migrate-command.ts",
    grants: "db/grants-command.ts",
    "rotate-keys": "app/vault/rotate-keys-command.ts",
    "keystone-check": "app/accounts/keystone-check-command.ts",
  },
  outdir: "build/process",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  jsx: "automatic",
  sourcemap: true,
  logLevel: "warning",
});
