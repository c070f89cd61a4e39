/** zxcvbn-ts types its packages as wholes alone; these are their parts. */
declare module "@zxcvbn-ts/language-common/dist/adjacencyGraphs.json.esm.js" {
  const graphs: Record<string, Record<string, (string | null)[]>>;
  export default graphs;
}
declare module "@zxcvbn-ts/language-common/dist/passwords.json.esm.js" {
  const words: string[];
  export default words;
}
declare module "@zxcvbn-ts/language-en/dist/commonWords.json.esm.js" {
  const words: string[];
  export default words;
}
