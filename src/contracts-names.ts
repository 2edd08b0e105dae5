/** An address that a name server gave for a name. Texts are from outside. */
export interface NameAnswer {
  /** Who asked, and what was answered: canonical texts of addresses. */
  readonly client: string;
  readonly address: string;
  /** As it was asked for, in lower case, without the dot at its end. */
  readonly name: string;
  /** Unix seconds. */
  readonly at: number;
}
