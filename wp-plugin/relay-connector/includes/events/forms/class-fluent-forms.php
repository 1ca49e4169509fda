<?php
/**
 * Fluent Forms.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Table of Fluent Forms, read on the settings page and once for an entry.

/**
 * It fires an old and a new hook for the same entry; only the new one is used. A spam entry can be recognized only by
 * its row. The values also contain hidden page fields that no field of the form has.
 */
final class Fluent_Forms extends Form_Plugin {

	/**
	 * The parts of a name with their labels and kinds (app/Services/FormBuilder/DefaultElements.php).
	 */
	const NAME_PARTS = array(
		'first_name'  => array( 'First name', Field_Types::FIRST_NAME ),
		'middle_name' => array( 'Middle name', 'middle_name' ),
		'last_name'   => array( 'Last name', Field_Types::LAST_NAME ),
	);

	/**
	 * The parts of an address (app/Services/FormBuilder/DefaultElements.php).
	 */
	const ADDRESS = array(
		'address_1' => 'address_line_1',
		'address_2' => 'address_line_2',
		'city'      => 'city',
		'state'     => 'state',
		'postcode'  => 'zip',
		'country'   => 'country',
	);

	/**
	 * The labels that the author of a form gave to the parts of a name, by the name of the field.
	 *
	 * @var array[]
	 */
	private $part_labels = array();

	/**
	 * The settings of tables, by the name of the field.
	 *
	 * @var array[]
	 */
	private $grids = array();

	/**
	 * The labels of choices by value, by the name of the field.
	 *
	 * @var array[]
	 */
	private $choices = array();

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'fluentform';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Fluent Forms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'FLUENTFORM' ) || function_exists( '\wpFluentForm' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'fluentform/submission_inserted', array( $this, 'on_inserted' ), 20, 3 );
	}

	/**
	 * An entry was stored.
	 *
	 * @param int    $entry_id The entry's id.
	 * @param array  $values   By field name.
	 * @param object $form     With id, title and form_fields, the JSON text of the form.
	 */
	public function on_inserted( $entry_id = 0, $values = array(), $form = null ) {
		$this->record_entry(
			function () use ( $entry_id, $values, $form ) {
				if ( ! is_object( $form ) || ! $form->id || ! is_array( $values ) || $this->is_spam( (int) $entry_id ) ) {
					return null;
				}
				$entry           = new Form_Entry( $form->id, (string) $form->title, (int) $entry_id );
				$entry->page_url = isset( $values['_wp_http_referer'] ) ? (string) $values['_wp_http_referer'] : '';
				foreach ( $this->named_fields( $form->form_fields ) as $name => $field ) {
					if ( array_key_exists( $name, $values ) ) {
						$field->value = $values[ $name ];
						if ( 'input_name' === $field->type && is_array( $field->value ) ) {
							$field->set_parts( $this->name_parts( $field->value, isset( $this->part_labels[ $name ] ) ? $this->part_labels[ $name ] : array() ) );
						} elseif ( 'address' === $field->type && is_array( $field->value ) ) {
							$field->set_address( $field->value, self::ADDRESS );
						} elseif ( isset( $this->grids[ $name ] ) && is_array( $field->value ) ) {
							$field->value = self::rows( $field->value, $this->grids[ $name ] );
						} elseif ( isset( $this->choices[ $name ] ) ) {
							$field->value = self::with_labels( $field->value, $this->choices[ $name ] );
						}
						$entry->fields[] = $field;
					} elseif ( Field_Types::is_consent( $field->type ) ) {
						// An unchecked box is not among the values.
						$entry->fields[] = $field;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		global $wpdb;
		$rows = (array) $wpdb->get_results( $wpdb->prepare( "SELECT id, title FROM {$wpdb->prefix}fluentform_forms ORDER BY id DESC LIMIT %d", self::MOST_FORMS ) );
		return wp_list_pluck( $rows, 'title', 'id' );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		global $wpdb;
		return array_values( $this->named_fields( $wpdb->get_var( $wpdb->prepare( "SELECT form_fields FROM {$wpdb->prefix}fluentform_forms WHERE id = %d", $form_id ) ) ) );
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=fluent_forms&route=entries&form_id=' . $form_id . '#/entries/' . $entry_id );
	}

	/**
	 * Whether an entry was marked as spam or trashed.
	 *
	 * @param int $entry_id The entry's id.
	 * @return bool
	 */
	private function is_spam( $entry_id ) {
		global $wpdb;
		return $entry_id && in_array( $wpdb->get_var( $wpdb->prepare( "SELECT status FROM {$wpdb->prefix}fluentform_submissions WHERE id = %d", $entry_id ) ), array( 'spam', 'trashed' ), true );
	}

	/**
	 * The fields of a form by name, including those in columns.
	 *
	 * @param string|array $json The form as JSON text or array.
	 * @return Form_Field[]
	 */
	private function named_fields( $json ) {
		$form   = is_string( $json ) ? json_decode( $json, true ) : $json;
		$found  = array();
		$search = isset( $form['fields'] ) ? array_values( (array) $form['fields'] ) : array();
		while ( $search ) {
			$field = array_shift( $search );
			$name  = isset( $field['attributes']['name'] ) ? (string) $field['attributes']['name'] : '';
			if ( '' !== $name ) {
				$settings       = isset( $field['settings'] ) ? (array) $field['settings'] : array();
				$label          = ! empty( $settings['admin_field_label'] ) ? $settings['admin_field_label'] : ( isset( $settings['label'] ) ? $settings['label'] : '' );
				$label          = '' === (string) $label ? $name : $label;
				$found[ $name ] = new Form_Field( $name, $label, $this->type_of( $field ) );
				$this->complete( $found[ $name ], $field );
			} elseif ( isset( $field['columns'] ) ) {
				$inner = array();
				foreach ( (array) $field['columns'] as $column ) {
					$inner = array_merge( $inner, isset( $column['fields'] ) ? array_values( (array) $column['fields'] ) : array() );
				}
				$search = array_merge( $inner, $search );
			}
		}
		return $found;
	}

	/**
	 * Adds to a field what its settings say. Its values are sanitized by fluentFormSanitizer() in boot/globals.php.
	 *
	 * @param Form_Field $field    The field.
	 * @param array      $settings Its settings.
	 */
	private function complete( Form_Field $field, array $settings ) {
		$field->kind   = Field_Types::kind( $field->type, $field->key );
		$field->format = Plain_Text::SANITIZED;
		if ( in_array( $field->type, array( 'rich_text_input', 'post_content' ), true ) ) {
			$field->format = Plain_Text::HTML;
		} elseif ( in_array( $field->kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) ) {
			$field->format = Plain_Text::TITLE;
		}
		if ( in_array( $field->kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) ) {
			$this->choices[ $field->key ] = self::choices( $field->type, $settings );
		}
		if ( 'select' === $field->type && ! empty( $settings['attributes']['multiple'] ) ) {
			$field->kind = Field_Types::CHOICES;
		}
		if ( in_array( $field->type, array( 'tabular_grid', 'repeater_field' ), true ) ) {
			$field->kind                 = Field_Types::CHOICES;
			$this->grids[ $field->key ] = isset( $settings['settings'] ) ? (array) $settings['settings'] : array();
		}
		foreach ( isset( $settings['fields'] ) ? (array) $settings['fields'] : array() as $part => $inner ) {
			$this->part_labels[ $field->key ][ $part ] = isset( $inner['settings']['label'] ) ? (string) $inner['settings']['label'] : '';
		}
	}

	/**
	 * The labels of choices. The form has them, as older forms do in another place; those of countries are the plugin's.
	 *
	 * @param string $type     The type of the field.
	 * @param array  $settings Its settings.
	 * @return string[] By value, as it is posted.
	 */
	private static function choices( $type, array $settings ) {
		if ( 'select_country' === $type ) {
			return function_exists( '\getFluentFormCountryList' ) ? (array) getFluentFormCountryList() : array();
		}
		$choices = isset( $settings['options'] ) && is_array( $settings['options'] ) ? array_filter( $settings['options'], 'is_scalar' ) : array();
		foreach ( isset( $settings['settings']['advanced_options'] ) ? (array) $settings['settings']['advanced_options'] : array() as $option ) {
			if ( isset( $option['value'], $option['label'] ) && is_scalar( $option['value'] ) && is_scalar( $option['label'] ) ) {
				$choices[ sanitize_text_field( $option['value'] ) ] = $option['label'];
			}
		}
		return $choices;
	}

	/**
	 * The rows of a table as texts.
	 *
	 * @param array $values   A value or a list of values by row.
	 * @param array $settings The settings of the field, with the labels of rows and columns.
	 * @return string[] Such as "Row 1: Column 1, Column 2".
	 */
	private static function rows( array $values, array $settings ) {
		$row_labels = isset( $settings['grid_rows'] ) ? (array) $settings['grid_rows'] : array();
		$labels     = isset( $settings['grid_columns'] ) ? (array) $settings['grid_columns'] : array();
		$rows       = array();
		foreach ( $values as $row => $cells ) {
			$texts = array();
			foreach ( array_filter( (array) $cells, 'is_scalar' ) as $cell ) {
				$texts[] = isset( $labels[ $cell ] ) ? $labels[ $cell ] : $cell;
			}
			$text = implode( ', ', array_filter( $texts, 'strlen' ) );
			if ( '' !== $text ) {
				$rows[] = ( isset( $row_labels[ $row ] ) ? $row_labels[ $row ] . ': ' : '' ) . $text;
			}
		}
		return $rows;
	}

	/**
	 * The parts of a name, in the order in which they are read.
	 *
	 * @param array    $values By part.
	 * @param string[] $labels By part.
	 * @return array[]
	 */
	private function name_parts( array $values, array $labels ) {
		$parts = array();
		foreach ( array_intersect_key( self::NAME_PARTS, $values ) as $part => $about ) {
			$parts[] = array(
				'label' => empty( $labels[ $part ] ) ? $about[0] : $labels[ $part ],
				'kind'  => $about[1],
				'value' => $values[ $part ],
			);
		}
		return $parts;
	}

	/**
	 * A field's type: its element, or the input type if that is password or file.
	 *
	 * @param array $field The field.
	 * @return string
	 */
	private function type_of( array $field ) {
		$type = isset( $field['attributes']['type'] ) ? (string) $field['attributes']['type'] : '';
		return in_array( $type, array( 'password', 'file' ), true ) ? $type : ( isset( $field['element'] ) ? (string) $field['element'] : '' );
	}
}
