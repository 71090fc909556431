package io.hybridbackup.packager;

import io.hybridbackup.common.settings.Secret;
import io.hybridbackup.common.settings.ServiceProgram;

/** The program that runs this service alone: {@code --config FILE}. */
public final class PackagerService {
  private PackagerService() {}

  public static void main(String[] arguments) {
    ServiceProgram.run(PackagerConfiguration.class, arguments, Secret.OBJECT_STORE);
  }
}
