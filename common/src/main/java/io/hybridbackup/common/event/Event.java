package io.hybridbackup.common.event;

/** The data of anything that travels on the product's topics. */
public sealed interface Event permits Request, Fact, RunState {}
