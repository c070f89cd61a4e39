/** How often something happened, and who waits for it to have happened so often. */
export class Hits {
  hits = 0;
  readonly #watching = new Set<() => void>();

  hit(): void {
    this.hits += 1;
    for (const look of this.#watching) look();
  }

  waitForHits(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.hits < count) return;
        this.#watching.delete(look);
        resolve();
      };
      this.#watching.add(look);
      look();
    });
  }
}
