export interface CommandLines {
  /** What was asked for. */
  tell(line: string): void;
  /** What is wrong. */
  complain(line: string): void;
}
