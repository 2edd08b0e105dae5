/** A longer line is refused. The longest a flow log can write (54 fields, six tags) is a few kilobytes. */
export const MAX_LINE = 64 * 1024;
