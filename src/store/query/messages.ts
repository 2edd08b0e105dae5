/** What the query process is asked, as JSON on its standard input. */
export interface QueryTask {
  readonly dataDir: string;
  readonly sql: string;
  /** Values of `$1`, `$2`, … */
  readonly parameters: readonly (string | number | null)[];
  readonly maxRows: number;
  /** As DuckDB writes it: `512MB`. */
  readonly memoryLimit: string;
  /** Folder for what does not fit into memory. */
  readonly spill: string;
  /** Folders that are this question's alone: removed by the one who asks, or by the process when that one is gone. */
  readonly folders: readonly string[];
  /** Absolute path of a Parquet file to write instead of answering with rows. */
  readonly parquet?: string;
}

export interface QueryColumn {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
}

/** One line of JSON on its standard output. */
export type QueryReply =
  | { readonly kind: 'columns'; readonly columns: readonly QueryColumn[] }
  | { readonly kind: 'rows'; readonly rows: readonly unknown[][] }
  | { readonly kind: 'done'; readonly truncated: boolean }
  /** Files were merged or dropped while they were read: the question has to be asked again. */
  | { readonly kind: 'replaced' }
  | { readonly kind: 'error'; readonly message: string };
