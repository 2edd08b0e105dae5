import { z } from 'zod';

/** What every source is called by: positions and lanes begin with it and a colon, so it has none. */
export const SourceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'not a name: letters, digits, dots, dashes and underscores');
