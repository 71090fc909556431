package io.hybridbackup.restore;

import io.hybridbackup.common.settings.Secret;
import io.hybridbackup.common.settings.ServiceProgram;

/** The program that runs this service alone: {@code --config FILE}. */
public final class RestoreService {
  private RestoreService() {}

  public static void main(String[] arguments) {
    ServiceProgram.run(
        RestoreConfiguration.class, arguments, Secret.OBJECT_STORE, Secret.TARGET_DATABASES);
  }
}
