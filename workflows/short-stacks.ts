/**
 * Loaded into Temporal's isolate before the workflows. Temporal takes a stack of each promise that a workflow makes and looks up the source of
 * each of its lines, to be able to show where a workflow waits: half of the processor time that a saga took. One line still tells where an error comes from.
 */
Error.stackTraceLimit = 1;
