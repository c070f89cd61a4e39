import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { z } from "zod";
import { readCertificates } from "./certificates.server";

const require = createRequire(import.meta.url);

/** What is used of one cloud of a clouds.yaml. */
export interface CloudSettings {
  /** Where it was found. */
  readonly file: string;
  readonly authUrl?: string;
  readonly authType?: string;
  /** PEM text. */
  readonly caCertificate?: string;
  /** The rest of `auth`, by its own names. */
  readonly auth: Readonly<Record<string, string>>;
}

export type CloudResult = { ok: true; cloud: CloudSettings } | { ok: false; problem: string };

const cloudShape = z.object({
  auth: z.record(z.string(), z.string()),
  auth_type: z.string().optional(),
  cacert: z.string().optional(),
  verify: z.string().optional(),
});
const fileShape = z.object({ clouds: z.record(z.string(), z.unknown()) });

/**
 * Reads one cloud of a clouds.yaml, as openstacksdk does: of the file that is named, else of the first
 * there is of `~/.config/openstack/` and `/etc/openstack/`. Not of the folder one happens to be in.
 *
 * @returns the cloud, or one sentence that says what is wrong and holds no value of the file
 */
export function readCloud(options: {
  name: string;
  file: string | undefined;
  home: string | undefined;
}): CloudResult {
  const wrong = (problem: string): CloudResult => ({ ok: false, problem });
  const places = [
    ...(options.home === undefined ? [] : [path.join(options.home, ".config/openstack")]),
    "/etc/openstack",
  ].flatMap((folder) => ["clouds.yaml", "clouds.yml"].map((name) => path.join(folder, name)));
  const file = options.file ?? places.find((place) => existsSync(place));
  if (file === undefined)
    return wrong(
      `OS_CLOUD is set, and there is no clouds.yaml at ${places.filter((place) => place.endsWith(".yaml")).join(" or ")}: name one by OS_CLIENT_CONFIG_FILE`,
    );
  const named =
    options.file === undefined
      ? `OS_CLOUD is set, but ${file}`
      : `OS_CLIENT_CONFIG_FILE names ${file}, which`;

  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return wrong(
      `${named} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unreadable"})`,
    );
  }
  // Eight megabytes of memory, for those alone who have such a file.
  const { parse, YAMLParseError } = require("yaml") as typeof import("yaml");
  let content: unknown;
  try {
    // Every value as it is written: a password 0123 is no number.
    content = parse(text, { schema: "failsafe", merge: true, logLevel: "error" });
  } catch (error) {
    // The parser's own words quote the file.
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    return wrong(`${named} is not YAML${line === undefined ? "" : ` (line ${line})`}`);
  }
  const clouds = fileShape.safeParse(content);
  if (!clouds.success) return wrong(`${named} has no clouds`);
  const given = Object.entries(clouds.data.clouds).find(([name]) => name === options.name)?.[1];
  if (given === undefined) return wrong(`OS_CLOUD names a cloud that ${file} does not have`);
  const parsed = cloudShape.safeParse(given);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join(".") || "whole");
    return wrong(
      `OS_CLOUD names a cloud in ${file} that cannot be read in its ${fields.join(", ")}`,
    );
  }
  const { auth, auth_type: authType, cacert, verify } = parsed.data;
  if (verify !== undefined && /^(false|no|off|0)$/i.test(verify))
    return wrong(
      `OS_CLOUD names a cloud in ${file} that says verify: false, and setpass checks every certificate: name the authority by cacert or OS_CACERT`,
    );
  const certificates = cacert ? readCertificates(cacert) : undefined;
  if (certificates && !certificates.ok)
    return wrong(`OS_CLOUD names a cloud in ${file} whose cacert ${certificates.problem}`);
  const { auth_url: authUrl, ...rest } = auth;
  return {
    ok: true,
    cloud: { file, authUrl, authType, caCertificate: certificates?.pem, auth: rest },
  };
}
