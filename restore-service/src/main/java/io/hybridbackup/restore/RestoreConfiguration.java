package io.hybridbackup.restore;

import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Configuration;

/** Wires this service. */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class RestoreConfiguration {}
