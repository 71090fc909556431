package io.hybridbackup.common.event;

import io.hybridbackup.common.identity.Component;

/**
 * Where in a run a fact comes from. Facts are ordered by attempt, epoch and sequence within one
 * component; between components nothing is ordered but by cause.
 *
 * @param attempt of the run, from 1; 0 before the first
 * @param epoch of the component's worker, from 1; 0 for what no worker said
 * @param sequence within the epoch, from 1
 */
public record Origin(Component component, int attempt, int epoch, long sequence) {}
