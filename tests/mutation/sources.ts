import { readdirSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { type Mutant, makeMutants, mutate } from "./make-mutants";
import { PROMISES, type Promises } from "./promises";

export interface Sources {
  /** Every change to every module that promises something. */
  mutants(): Mutant[];
  typeChecks(mutant: Mutant): boolean;
  testsOf(file: string): Promises;
}

/** Unused names are the linter's to find, and no reason for a change not to run. */
const UNUSED = new Set([6133, 6138, 6192, 6196, 6198]);

/** @param root the checkout */
export function createSources(root: string): Sources {
  const config = ts.readConfigFile(path.join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const files = PROMISES.flatMap(({ modules }) => modules.flatMap((one) => filesBelow(root, one)));
  /** By absolute path, what the compiler is shown instead of what is there. */
  const shown = new Map<string, { version: number; text: string }>();
  const absolute = (file: string) => path.join(root, file);
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => files.map(absolute),
    getScriptVersion: (file) => String(shown.get(file)?.version ?? 0),
    getScriptSnapshot(file) {
      const text = shown.get(file)?.text ?? ts.sys.readFile(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  });
  let version = 0;
  const show = (file: string, text: string) => {
    version += 1;
    shown.set(absolute(file), { version, text });
  };

  return {
    mutants() {
      const program = service.getProgram();
      if (program === undefined) throw new Error("The sources cannot be read");
      return files.flatMap((file) => {
        const source = program.getSourceFile(absolute(file));
        if (source === undefined) throw new Error(`${file} cannot be read`);
        return makeMutants(file, source, program.getTypeChecker());
      });
    },
    typeChecks(mutant) {
      const file = absolute(mutant.file);
      const text = ts.sys.readFile(file) ?? "";
      show(mutant.file, mutate(text, mutant));
      const found = [
        ...service.getSyntacticDiagnostics(file),
        ...service.getSemanticDiagnostics(file),
      ].filter(({ code }) => !UNUSED.has(code));
      show(mutant.file, text);
      return found.length === 0;
    },
    testsOf(file) {
      const promises = PROMISES.find(({ modules }) => modules.some((one) => file.startsWith(one)));
      if (promises === undefined) throw new Error(`${file} is in no list of promises`);
      return promises;
    },
  };
}

/** @param beginning of a path below `root`, such as `app/links/` or `db/mails` */
export function filesBelow(root: string, beginning: string): string[] {
  const folder = beginning.slice(0, beginning.lastIndexOf("/"));
  return readdirSync(path.join(root, folder), { recursive: true })
    .map((name) => `${folder}/${String(name).split(path.sep).join("/")}`)
    .filter((file) => file.startsWith(beginning) && /\.tsx?$/.test(file) && !/\.d\.ts$/.test(file))
    .sort();
}
