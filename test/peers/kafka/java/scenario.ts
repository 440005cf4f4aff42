/** What one of Kafka's programs is tried with, and what is asked of it. */
export interface Surroundings {
  /** Of a gateway that nobody else uses. */
  bootstrap: string;
  /** For files; it is gone afterwards. */
  directory: string;
  /** Tells who looks on what has been seen to be true. */
  note: (fact: string) => void;
}

export interface Scenario {
  /** For the runner's help. */
  about: string;
  /** Of the local server, beside those that all have. */
  serverFlags?: (directory: string) => readonly string[];
  /** Fails with the first thing that is not as it has to be. */
  run: (surroundings: Surroundings) => Promise<void>;
}
