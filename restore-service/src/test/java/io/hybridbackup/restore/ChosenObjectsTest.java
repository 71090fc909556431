package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.RestoreOptions;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ChosenObjectsTest {
  private static final List<String> NAMES =
      List.of("--file=/etc/x", "-d postgres", "../..", "a\nb", "it's", "\"quoted\"", "$(id)", "*");

  @Test
  void shouldMakeOneArgumentOfEachNameThatBeginsWithItsOption() {
    // when
    List<String> arguments = chosen(NAMES, NAMES).arguments();

    // then
    assertThat(arguments).hasSize(2 * NAMES.size());
    assertThat(arguments.subList(0, NAMES.size()))
        .isEqualTo(NAMES.stream().map(name -> "--schema=" + name).toList());
    assertThat(arguments.subList(NAMES.size(), 2 * NAMES.size()))
        .isEqualTo(NAMES.stream().map(name -> "--table=" + name).toList());
  }

  @Test
  void shouldMeanTablesOfPublicWhenNoSchemaIsNamed() {
    assertThat(chosen(null, List.of("page")).arguments())
        .containsExactly("--schema=public", "--table=page");
  }

  @Test
  void shouldAskForEverythingWhenNothingIsChosen() {
    assertThat(new ChosenObjects(RestoreOptions.NONE).arguments()).isEmpty();
  }

  private static ChosenObjects chosen(@Nullable List<String> schemas, List<String> tables) {
    return new ChosenObjects(
        new RestoreOptions(null, null, schemas, tables, null, null, null, null, null, null));
  }
}
