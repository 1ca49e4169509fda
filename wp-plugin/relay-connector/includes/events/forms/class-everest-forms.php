<?php
/**
 * Everest Forms.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * The hook for stored entries is used: it does not fire if a form does not store them. Choices are lists with their
 * label, and labels are HTML.
 */
final class Everest_Forms extends Added_Form_Plugin {

	/**
	 * Types that are not input.
	 */
	const NO_INPUT = array( 'title', 'html', 'divider', 'reset', 'progress', 'private-note', 'captcha', 'hcaptcha', 'recaptcha' );

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'everest-forms';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Everest Forms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return function_exists( '\evf' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'everest_forms_complete_entry_save', array( $this, 'on_saved' ), 20, 5 );
	}

	/**
	 * An entry was stored (EVF_Form_Task::entry_save() in includes/class-evf-form-task.php).
	 *
	 * @param int     $entry_id The entry.
	 * @param array[] $values   By field id, each with id, type and value, most with name.
	 * @param array   $posted   The posted data.
	 * @param int     $form_id  The form.
	 * @param array   $form     The form, with settings and form_fields.
	 */
	public function on_saved( $entry_id = 0, $values = array(), $posted = array(), $form_id = 0, $form = array() ) {
		$this->record_entry(
			function () use ( $entry_id, $values, $posted, $form_id, $form ) {
				if ( ! is_array( $values ) || ! self::number_of( $entry_id ) || ( isset( $posted['evf_spam_status'] ) && 'spam' === $posted['evf_spam_status'] ) ) {
					return null;
				}
				$title = isset( $form['settings']['form_title'] ) ? (string) $form['settings']['form_title'] : get_the_title( (int) $form_id );
				$known = isset( $form['form_fields'] ) ? (array) $form['form_fields'] : array();
				$entry = new Form_Entry( $form_id, $title, self::number_of( $entry_id ) );
				foreach ( $values as $id => $field ) {
					if ( is_array( $field ) && isset( $field['type'] ) ) {
						$read            = $this->read( $id, isset( $known[ $id ] ) ? (array) $known[ $id ] : $field );
						$read->value     = self::value_of( isset( $field['value'] ) ? $field['value'] : '' );
						$entry->fields[] = $read;
					}
				}
				// An unchecked box is not among the values.
				foreach ( array_diff_key( $known, $values ) as $id => $field ) {
					if ( isset( $field['type'] ) && 'privacy-policy' === $field['type'] ) {
						$entry->fields[] = $this->read( $id, (array) $field );
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
		return $this->titles_of_posts( 'everest_form' );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$post   = get_post( (int) $form_id );
		$form   = $post ? json_decode( $post->post_content, true ) : null;
		$fields = array();
		foreach ( isset( $form['form_fields'] ) ? (array) $form['form_fields'] : array() as $id => $field ) {
			$fields[] = $this->read( $id, (array) $field );
		}
		return $fields;
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=evf-entries&form_id=' . (int) $form_id . '&view-entry=' . (int) $entry_id );
	}

	/**
	 * A field without its value.
	 *
	 * @param int|string $id    The field's id.
	 * @param array      $field The field of the form or of an entry, with type, and with label or name.
	 * @return Form_Field
	 */
	private function read( $id, array $field ) {
		$type  = isset( $field['type'] ) ? (string) $field['type'] : '';
		$label = isset( $field['label'] ) ? $field['label'] : ( isset( $field['name'] ) ? $field['name'] : '' );
		$read  = new Form_Field( $id, (string) $label, self::type_of( $type ) );
		if ( 'wysiwyg' === $type ) {
			$read->format = Plain_Text::HTML;
		} else {
			$read->format = in_array( $read->kind, array( Field_Types::CHOICE, Field_Types::CHOICES ), true ) ? Plain_Text::TITLE : Plain_Text::SANITIZED;
		}
		if ( 'select' === $type && ! empty( $field['multiple_choices'] ) ) {
			$read->kind = Field_Types::CHOICES;
		}
		return $read;
	}

	/**
	 * A type as Field_Types knows it.
	 *
	 * @param string $type Such as first-name.
	 * @return string
	 */
	private static function type_of( $type ) {
		if ( in_array( $type, self::NO_INPUT, true ) ) {
			return 'html';
		}
		return 'privacy-policy' === $type ? 'consent' : strtr( $type, '-', '_' );
	}

	/**
	 * A value: of a choice, its label or labels.
	 *
	 * @param mixed $value The value.
	 * @return mixed
	 */
	private static function value_of( $value ) {
		if ( is_array( $value ) && isset( $value['type'], $value['name'] ) ) {
			return isset( $value['label'] ) ? $value['label'] : '';
		}
		return is_array( $value ) ? array_values( $value ) : $value;
	}

	/**
	 * The entry's id.
	 *
	 * @param mixed $id The id, or an error.
	 * @return int
	 */
	private static function number_of( $id ) {
		return is_numeric( $id ) ? (int) $id : 0;
	}
}
