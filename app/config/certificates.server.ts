import { readFileSync } from "node:fs";

export type CertificatesResult = { ok: true; pem: string } | { ok: false; problem: string };

/**
 * Reads a file of authorities to trust.
 *
 * @returns its PEM text, or what is wrong with it: the rest of a sentence that names the file
 */
export function readCertificates(path: string): CertificatesResult {
  try {
    const pem = readFileSync(path, "utf8");
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return { ok: true, pem };
    return { ok: false, problem: `names ${path}, which holds no PEM certificate` };
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
    return { ok: false, problem: `names ${path}, which cannot be read (${reason})` };
  }
}
