package io.hybridbackup.common.testing;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.testcontainers.DockerClientFactory;

/** Asks the Docker engine once a JVM. */
final class DockerAnswers implements ExecutionCondition {
  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    return Engine.ANSWERS
        ? ConditionEvaluationResult.enabled("a Docker engine answers")
        : ConditionEvaluationResult.disabled(
            "no Docker engine answers: start one, or point DOCKER_HOST at one");
  }

  private static final class Engine {
    static final boolean ANSWERS = DockerClientFactory.instance().isDockerAvailable();
  }
}
