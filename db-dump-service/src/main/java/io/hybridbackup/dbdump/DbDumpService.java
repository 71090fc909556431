package io.hybridbackup.dbdump;

import io.hybridbackup.common.settings.Secret;
import io.hybridbackup.common.settings.ServiceProgram;

/** The program that runs this service alone: {@code --config FILE}. */
public final class DbDumpService {
  private DbDumpService() {}

  public static void main(String[] arguments) {
    ServiceProgram.run(
        DbDumpConfiguration.class, arguments, Secret.OBJECT_STORE, Secret.SOURCE_DATABASES);
  }
}
